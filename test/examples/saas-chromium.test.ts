import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { easyStorage } from "svc-infra";
import { easySqlDb } from "svc-infra/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../cli/command-line.js";
import { type ChromiumRig, startChromium } from "../rigs/chromium.js";
import { s3Request } from "../rigs/s3-request.js";
import { StripeDouble } from "../rigs/stripe-double.js";
import { Endpoint } from "../webhooks/endpoint.js";
import { compileSaas, end, SaasFolder } from "./saas-service.js";

const tutorial = readFileSync("docs/guide/tutorial.md", "utf8");
const sources = "examples/saas";
const password = "correct staple horse 7";
const email = "ann@example.com";
/** In a database, on a queue and in a bucket, and with kill -9 amid each step. */
const isEverywhere = process.env.SAAS_EVERYWHERE === "1";
const waiting = { timeout: 60_000, interval: 50 };

let chromium: ChromiumRig;
let compiled: Awaited<ReturnType<typeof compileSaas>>;

beforeAll(async () => {
  [chromium, compiled] = await Promise.all([startChromium(), compileSaas()]);
});

afterAll(async () => {
  await chromium.stop();
  await compiled.remove();
});

/** What another tab would do whose page is older than the plan. */
const secondUpgrade = `fetch("/upgrade", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ attempt: crypto.randomUUID() }),
}).then(async (answer) => [answer.status, (await answer.json()).code])`;

/** Where the service keeps things, by environment alone. */
interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<unknown>;
}

async function onThisMachine(): Promise<Place> {
  return { env: {}, stop: async () => undefined };
}

async function onServers(pagesUrl: string): Promise<Place> {
  const { startPostgres } = await import("../rigs/postgres.js");
  const { startRedis } = await import("../rigs/redis.js");
  const { startCeph } = await import("../rigs/ceph.js");
  const [postgres, redis, ceph] = await Promise.all([startPostgres(), startRedis(), startCeph()]);
  const rule = `<AllowedOrigin>${pagesUrl}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>`;
  const rules = `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`;
  expect((await s3Request(ceph, "PUT", `/${ceph.bucket}?cors`, rules)).ok).toBe(true);
  return {
    env: { ...postgres.env, ...redis.env, ...ceph.env, JOBS_DRIVER: "redis" },
    stop: () => Promise.all([postgres.stop(), redis.stop(), ceph.stop()]),
  };
}

/** Who does the jobs, and what becomes of them amid each step. */
type Workers = "the service" | "the service, killed" | "a worker, killed";

interface Setting {
  readonly name: string;
  readonly prepare: (pagesUrl: string) => Promise<Place>;
  readonly workers: Workers;
}

const settings: readonly Setting[] = [
  { name: "embedded", prepare: onThisMachine, workers: "the service" },
  ...(isEverywhere
    ? ([
        { name: "embedded, killed at each step", prepare: onThisMachine, workers: "the service, killed" },
        { name: "on PostgreSQL, Redis and Ceph", prepare: onServers, workers: "the service" },
        { name: "there, with a worker killed at each step", prepare: onServers, workers: "a worker, killed" },
      ] as const)
    : []),
];

it("each step of the tutorial has its test", () => {
  const steps = [...tutorial.matchAll(/^## (\d\. .*)$/gm)].map(([, title]) => title);
  const tested = [...readFileSync(import.meta.filename, "utf8").matchAll(/^ +it\("(\d\. .*?)"/gm)];
  expect(tested.map(([, title]) => title)).toEqual(steps);
});

it("the tutorial shows lines of the example as they are, of which there are less than 600", () => {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:ts|js|html|css|svg|env)$/.test(name))
    .map((name) => readFileSync(join(sources, name), "utf8"));
  expect(files.join("").split("\n").length).toBeLessThan(600);
  const shown = [...tutorial.matchAll(/```(?:ts|js)\n(.*?)```/gs)].map(([, block = ""]) => block);
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter((block) => !files.some((file) => file.includes(block)))).toEqual([]);
});

describe.each(settings)(
  "the service of the tutorial, $name",
  { timeout: 600_000 },
  ({ prepare, workers }) => {
    let place: Place;
    let folder: SaasFolder;
    let stripe: StripeDouble;
    let subscriber: Endpoint;
    let url: string;
    let workerUrl: string;
    let page: Page;
    let complaints: string[];
    let tenant: string;
    /** Kills who does the jobs, and starts another one. */
    let interrupt: () => Promise<void>;

    beforeAll(async () => {
      const [port, workerPort] = [await freePort(), await freePort()];
      url = `http://localhost:${port}`;
      workerUrl = `http://localhost:${workers === "a worker, killed" ? workerPort : port}`;
      place = await prepare(url);
      const example = { key: "sk_test_replace_this", webhookSecret: "whsec_replace_this" };
      stripe = await new StripeDouble(example).start();
      subscriber = await Endpoint.start();
      const env = {
        ...place.env,
        STRIPE_API_URL: stripe.url,
        WEBHOOKS_TIMEOUT_MS: "1000",
        RATE_LIMIT_MAX: "0",
      };
      folder = await SaasFolder.make(compiled.main, env);
      if (workers === "a worker, killed") {
        await folder.start(port, { JOBS_WORK: "false" });
        let worker = await folder.start(workerPort);
        interrupt = async () => {
          await end(worker, "SIGKILL");
          worker = await folder.start(workerPort);
        };
      } else {
        let service = await folder.start(port);
        interrupt = async () => {
          if (workers === "the service") return;
          await end(service, "SIGKILL");
          service = await folder.start(port);
        };
      }
      ({ page, complaints } = await chromium.openPage());
      page.on("dialog", (dialog) => dialog.accept());
      await page.route("https://checkout.stripe.com/**", async (route) => {
        const session = stripe.sessions.at(-1);
        const body = `<!doctype html><link rel="icon" href="data:,"><a href="${session?.success_url}">Pay</a>`;
        await route.fulfill({ contentType: "text/html", body });
      });
      await page.goto(url);
    }, 180_000);

    afterAll(async () => {
      await folder.stop();
      stripe.stop();
      subscriber.stop();
      await place.stop();
      await folder.remove();
    });

    const form = (id: string) => page.locator(`#${id}`);
    const message = () => page.textContent("#message");

    /** Fills a form and sends it. */
    async function send(id: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
      for (const [name, value] of Object.entries(fields))
        await form(id).locator(`[name=${name}]`).fill(value);
      await form(id).locator("button").click();
    }

    async function upload(name: string, mimeType: string, buffer: Buffer): Promise<void> {
      await page.setInputFiles("#upload [type=file]", { name, mimeType, buffer });
      await send("upload");
    }

    const noise = async (side: number) =>
      sharp(randomBytes(side * side * 3), { raw: { width: side, height: side, channels: 3 } })
        .png()
        .toBuffer();

    it("1. Sign up", async () => {
      await send("sign-up", { name: "Ann", email, password });
      await expect.poll(message, waiting).toMatch(/^A link was sent/);
      await interrupt();
      await expect.poll(() => folder.link().catch(() => ""), waiting).toMatch(/verify-email/);
      await page.goto(await folder.link());
      await send("sign-in", { email, password });
      await expect.poll(() => form("organisation").isVisible(), waiting).toBe(true);
    });

    it("2. Create an organisation", async () => {
      await send("organisation", { name: "Acme Ltd" });
      await expect.poll(() => page.textContent("#plan"), waiting).toBe("free");
      // This step has no job: an organisation is rows alone. What it needs must outlive its worker all the same.
      await interrupt();
      const me = await page.evaluate(`fetch("/me").then((answer) => answer.json())`);
      ({ tenant } = Object(me));
      expect(tenant).toMatch(/^[0-9a-f-]{36}$/);
    });

    it("3. Upload documents", async () => {
      await upload("first.png", "image/png", await noise(400));
      await expect.poll(message, waiting).toBe("first.png was uploaded.");
      await interrupt();
      const link = page.locator("#documents a");
      await expect.poll(() => link.count(), waiting).toBe(1);
      const answer = await fetch(String(await link.getAttribute("href")));
      expect(answer.headers.get("content-type")).toBe("image/png");
      await upload("page.png", "image/png", Buffer.from("<html><script>1</script></html>"));
      await expect.poll(message, waiting).toMatch(/text\/html/);
    });

    it("4. Make a preview in a job", async () => {
      await upload("second.png", "image/png", await noise(500));
      await expect.poll(message, waiting).toBe("second.png was uploaded.");
      await interrupt();
      const previews = page.locator("#documents img");
      await expect.poll(() => previews.count(), waiting).toBe(2);
      await expect
        .poll(() => previews.last().evaluate((image) => Reflect.get(image, "naturalWidth")))
        .toBe(320);
    });

    it("5. Tell a subscriber", async () => {
      await send("subscribe", { url: subscriber.url });
      await expect.poll(() => page.textContent("#secret"), waiting).toMatch(/^whsec_/);
      subscriber.secrets = [String(await page.textContent("#secret"))];
      await page.click("#subscriptions button");
      await expect.poll(() => page.textContent("#subscriptions"), waiting).toMatch(/proved$/);
      await upload("third.png", "image/png", await noise(300));
      await expect.poll(message, waiting).toBe("third.png was uploaded.");
      await interrupt();
      await expect.poll(() => new Set(subscriber.received.map(({ id }) => id)).size, waiting).toBe(1);
      expect(subscriber.received[0]).toMatchObject({
        type: "document.ready",
        data: { name: "third.png", hasPreview: true },
      });
      expect(subscriber.unverified).toEqual([]);
      await expect.poll(() => page.textContent("#deliveries"), waiting).toMatch(/^document.ready: delivered/);
      const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
      const all = await fetch(`${url}/_webhooks/subscriptions`, { headers: { cookie } });
      const [subscription] = Object(await all.json()).subscriptions;
      const forged = await fetch(`${url}/_webhooks/subscriptions/${subscription.id}/rotate`, {
        method: "POST",
        headers: { cookie, origin: "http://sibling.localhost", "sec-fetch-site": "same-site" },
      });
      expect([forged.status, Object(await forged.json()).code]).toEqual([403, "cross_site"]);
    });

    it("6. Let the plan raise a limit", async () => {
      const large = Buffer.concat([Buffer.from("%PDF-1.7\n"), randomBytes(2_000_000)]);
      await upload("large.pdf", "application/pdf", large);
      await expect.poll(message, waiting).toMatch(/1000000 bytes/);
      await send("upgrade");
      await page.waitForURL(/checkout\.stripe\.com/);
      const session = stripe.sessions.at(-1);
      const { body, headers } = stripe.event(stripe.subscribe(session?.customer ?? "", session?.price ?? ""));
      const told = await fetch(`${url}/_webhooks/stripe`, { method: "POST", headers, body });
      expect(told.status).toBe(204);
      await interrupt();
      await page.click("text=Pay");
      const plan = async () => {
        await page.reload();
        return page.textContent("#plan");
      };
      await expect.poll(plan, { timeout: 60_000, interval: 500 }).toBe("pro");
      await expect.poll(() => form("upgrade").isVisible(), waiting).toBe(false);
      expect(await page.evaluate(secondUpgrade)).toEqual([409, "already_subscribed"]);
      await upload("large.pdf", "application/pdf", large);
      await expect.poll(message, waiting).toBe("large.pdf was uploaded.");
      await expect.poll(() => page.locator("#documents a").count(), waiting).toBe(4);
    });

    it("7. See it in the metrics", async () => {
      const metrics = await (await fetch(`${workerUrl}/metrics`)).text();
      expect(metrics).toMatch(/jobs_run_duration_seconds_count\{.*name="show-document".*\} [1-9]/);
      expect(metrics).toMatch(/storage_operations_total\{.*status="success".*\} [1-9]/);
      expect(metrics).not.toContain(tenant);
      // This step has no job: it reads. The next one begins with a worker that has just started.
      await interrupt();
    });

    it("8. Erase the account", async () => {
      const before = complaints.length;
      const missing: string[] = [];
      page.on("response", (answer) => {
        if (answer.status() === 404) missing.push(answer.url());
      });
      await page.locator("#documents li", { hasText: "second.png" }).locator("button").click();
      await expect.poll(() => page.locator("#documents a").count(), waiting).toBe(3);
      await send("erase");
      await expect.poll(message, waiting).toBe("Your account is erased.");
      await interrupt();
      await page.reload();
      await send("sign-in", { email, password });
      await expect.poll(message, waiting).toMatch(/invalid/i);
      expect(stripe.customers.size).toBe(0);
      expect([...stripe.subscriptions.values()].map(({ status }) => status)).toEqual(["canceled"]);
      await expect.poll(keys, waiting).toEqual([]);
      await expect.poll(() => fetch(`${workerUrl}/metrics`).then(({ ok }) => ok), waiting).toBe(true);
      await settled();
      await folder.stop();
      expect(await keys()).toEqual([]);
      const rows = await everyRow();
      for (const trace of [email, tenant, "Acme", "first.png", subscriber.url])
        expect(rows).not.toContain(trace);
      // The browser itself reports refusals; whatever else it says is a fault.
      const ordinary =
        workers === "the service, killed"
          ? /status of (?:401|403|404|409|413|415)|ERR_(?:CONNECTION_|EMPTY_|SOCKET_NOT_CONNECTED)/
          : /status of (?:401|403|409|413|415)/;
      expect(complaints.slice(0, before).filter((text) => !ordinary.test(text))).toEqual([]);
      // The page may be loading the picture of a document at the instant in which it is deleted: that one, and no other.
      const unexpected = complaints.slice(before).filter((text) => !ordinary.test(text));
      expect(unexpected.filter((text) => !text.includes("status of 404"))).toEqual([]);
      if (!ordinary.test("status of 404")) {
        expect(missing.filter((url) => !/previews\/second\.png/.test(url))).toEqual([]);
      }
    });

    const envOfPlace = () => ({
      STORAGE_BACKEND: "local",
      STORAGE_BASE_PATH: join(folder.path, ".data/files"),
      SQL_URL: `pglite:${join(folder.path, ".data/db")}`,
      ...place.env,
    });

    async function keys(): Promise<readonly string[]> {
      const storage = await easyStorage({}, envOfPlace());
      return storage.listKeys().finally(() => storage.close());
    }

    /** Lets the events of the erasure come to their consumers. */
    async function settled(): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }

    async function everyRow(): Promise<string> {
      const sql = await easySqlDb({ migrationsDir: "examples/saas/migrations" }, { env: envOfPlace() });
      const rows = await sql.withConnection(async (connection) => {
        const tables = await connection.query(
          "select table_name from information_schema.tables where table_schema = 'public'",
        );
        const all: unknown[] = [];
        for (const { table_name } of tables.map(Object))
          all.push(await connection.query(`select * from "${table_name}"`));
        return all;
      });
      await sql.close();
      return JSON.stringify(rows);
    }
  },
);
