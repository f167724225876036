import Fastify, { type FastifyInstance } from "fastify";
import {
  type AddAuthUsersOptions,
  addAuthUsers,
  getCurrentUser,
  requireRole,
  requireScope,
  requireUser,
} from "svc-infra/auth";
import { addMail } from "svc-infra/mail";
import { addSqlDb } from "svc-infra/sql";
import { addTenancy } from "svc-infra/tenancy";
import * as tables from "#dist/auth/schema.js";
import { createTables } from "../webhooks/create-tables.js";
import { Browser } from "./browser.js";
import type { Inbox } from "./inbox.js";

export const secret = "a-secret-of-the-tests-of-more-than-32-characters";
export const password = "correct staple horse 7";

/** What a service of the tests is made with. */
export interface AuthServiceOptions extends AddAuthUsersOptions {
  readonly databaseUrl?: string;
  readonly origin?: string;
  readonly logLines?: object[];
  readonly isFilled?: boolean;
  /** Whether the tenancy is added behind the users. */
  readonly isTenancyLast?: boolean;
  /** Adds what the test looks at, behind the users. */
  readonly extend?: (app: FastifyInstance) => Promise<unknown>;
}

/** A service with users: its routes are guarded in each way there is. */
export class AuthService {
  readonly app: FastifyInstance;
  readonly inbox: Inbox;
  readonly origin: string;
  #addresses = 0;

  private constructor(app: FastifyInstance, inbox: Inbox, origin: string) {
    this.app = app;
    this.inbox = inbox;
    this.origin = origin;
  }

  static async start(inbox: Inbox, options: AuthServiceOptions = {}): Promise<AuthService> {
    const {
      databaseUrl = "pglite:memory",
      origin = "http://localhost:3000",
      logLines = [],
      isFilled = false,
      isTenancyLast = false,
      extend,
      ...rest
    } = options;
    const stream = { write: (line: string) => logLines.push(JSON.parse(line)) };
    const app = Fastify({ logger: { stream }, trustProxy: false });
    const sql = await addSqlDb(app, { url: databaseUrl, autoMigrate: false, env: {} });
    if (!isFilled) await createTables(sql, tables);
    await addMail(app, { url: inbox.url, env: {} });
    if (!isTenancyLast) await addTenancy(app, { env: {} });
    await addAuthUsers(app, { secret, baseUrl: origin, env: {}, ...rest });
    if (isTenancyLast) await addTenancy(app, { env: {} });
    addRoutes(app);
    await extend?.(app);
    await app.ready();
    return new AuthService(app, inbox, origin);
  }

  /** A browser at an address of its own. */
  browser(): Browser {
    this.#addresses += 1;
    const bytes = [16, 8, 0].map((shift) => (this.#addresses >> shift) & 255);
    return new Browser(this.app, this.origin, ["10", ...bytes].join("."));
  }

  /** A user with a confirmed address, not signed in. */
  async signUp(email: string, browser: Browser = this.browser()): Promise<Browser> {
    const answer = await browser.post("/auth/sign-up/email", { email, password, name: email.split("@")[0] });
    if (answer.statusCode !== 200) throw new Error(`sign-up: ${answer.statusCode} ${answer.body}`);
    const link = await this.inbox.linkTo(email);
    const confirmed = await browser.get(link.pathname + link.search);
    if (confirmed.statusCode !== 302) throw new Error(`confirm: ${confirmed.statusCode} ${confirmed.body}`);
    return browser;
  }

  /** A user who is signed in. */
  async signIn(email: string, browser: Browser = this.browser()): Promise<Browser> {
    await this.signUp(email, browser);
    const answer = await browser.post("/auth/sign-in/email", { email, password });
    if (answer.statusCode !== 200) throw new Error(`sign-in: ${answer.statusCode} ${answer.body}`);
    return browser;
  }

  stop(): Promise<void> {
    return this.app.close();
  }
}

function addRoutes(app: FastifyInstance): void {
  const tell = (request: Parameters<typeof getCurrentUser>[0] & { tenant: string | undefined }) =>
    getCurrentUser(request).then((user) => ({ ...user, requestTenant: request.tenant }));
  app.get("/me", { preHandler: requireUser() }, tell);
  app.post("/me", { preHandler: requireUser() }, tell);
  app.post("/unguarded", tell);
  app.get("/fresh", { preHandler: requireUser({ fresh: "1s" }) }, tell);
  app.get("/step-up", { preHandler: requireUser({ fresh: "10m", factor: 2 }) }, tell);
  app.get("/reports", { preHandler: requireScope("reports:read") }, tell);
  app.get("/owners", { preHandler: requireRole("owner") }, tell);
}
