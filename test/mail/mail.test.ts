import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { SMTPServer } from "smtp-server";
import { addJobs, easyJobs, type Jobs } from "svc-infra/jobs";
import { addMail, getMail, html, linkMail, MailError, type MailMessage, mailJobs } from "svc-infra/mail";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let app: FastifyInstance;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "svc-infra-mail-"));
  app = Fastify();
});

afterEach(async () => {
  await app.close();
  rmSync(folder, { recursive: true });
});

const welcome: MailMessage = { to: "Ann <ann@example.com>", subject: "Grüße", text: "Hello Ann." };

describe("where no server is set", () => {
  it("each mail is a file that mail programs open, in the order of sending", async () => {
    const mail = await addMail(app, { folder, from: "Shop <shop@example.com>", env: {} });
    await mail.send(welcome);
    await mail.send({ ...welcome, subject: "Second", html: "<p>Hello Ann.</p>" });
    const files = readdirSync(folder).sort();
    expect(files).toHaveLength(2);
    const [first, second] = files.map((file) => readFileSync(join(folder, file), "utf8"));
    expect(first).toContain("From: Shop <shop@example.com>");
    expect(first).toContain("To: Ann <ann@example.com>");
    expect(first).toContain("Hello Ann.");
    expect(second).toContain("Content-Type: text/html");
  });

  it("production refuses to start, and names the variable", async () => {
    await expect(addMail(app, { env: { APP_ENV: "prod" } })).rejects.toThrow(/MAIL_URL/);
  });

  it("production writes files when the folder was set on purpose", async () => {
    const mail = await addMail(app, { env: { APP_ENV: "prod", MAIL_FOLDER: folder } });
    expect(mail.description).toBe(folder);
  });

  it("the app has the mail, and its health tells of it", async () => {
    const mail = await addMail(app, { env: { MAIL_FOLDER: folder } });
    await app.ready();
    expect(getMail(app)).toBe(mail);
    const { statusCode } = await app.inject("/_health/mail");
    expect(statusCode).toBe(200);
  });

  it("an app without mail says what to call", () => {
    expect(() => getMail(app)).toThrow(/await addMail\(app\)/);
  });
});

describe("a mail that breaks a rule is refused before it is sent", () => {
  it.each<[string, Partial<MailMessage>]>([
    ["to", { to: [] }],
    ["to", { to: "ann@example.com\r\nBcc: all@example.com" }],
    ["to", { to: "ann@example.com, all@example.com" }],
    ["to", { to: "Ann <ann@example.com>, <all@example.com>" }],
    ["to", { to: "victim@example.com, Ann <ann@example.com>" }],
    ["to", { to: "victim@example.com; Ann <ann@example.com>" }],
    ["to", { to: "group: victim@example.com, Ann <ann@example.com>" }],
    ["to", { to: "(victim@example.com) Ann <ann@example.com>" }],
    ["to", { to: '"Ann" victim@example.com, "Ann" <ann@example.com>' }],
    ["to", { to: '"Ann\\" <victim@example.com>, " <ann@example.com>' }],
    ["to", { to: "ann(victim@example.com)@example.com" }],
    ["to", { to: "ann" }],
    ["from", { from: "shop@example.com\nX: y" }],
    ["replyTo", { replyTo: "a b@example.com" }],
    ["subject", { subject: "Hello\r\nBcc: all@example.com" }],
    ["subject", { subject: "" }],
    ["text", { text: "" }],
  ])("%s: %j", async (field, changed) => {
    const mail = await addMail(app, { folder, env: {} });
    const sending = mail.send({ ...welcome, ...changed });
    await expect(sending).rejects.toMatchObject({ code: "invalid_message" });
    await expect(sending).rejects.toThrow(field);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("an SMTP server", () => {
  let server: SMTPServer;
  let received: string[];
  let envelopes: string[][];
  let answer: Error | undefined;
  /** What it answers to each receiver that it refuses. */
  let refusals: Map<string, number>;

  beforeEach(async () => {
    received = [];
    envelopes = [];
    answer = undefined;
    refusals = new Map();
    server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      onAuth: ({ username, password }, _session, callback) =>
        username === "shop" && password === "p@ss"
          ? callback(null, { user: username })
          : callback(new Error("wrong password")),
      onRcptTo({ address }, _session, callback) {
        const responseCode = refusals.get(address);
        callback(
          responseCode === undefined ? null : Object.assign(new Error("not this one"), { responseCode }),
        );
      },
      onData(stream, { envelope }, callback) {
        const pieces: Buffer[] = [];
        stream.on("data", (piece) => pieces.push(piece));
        stream.on("end", () => {
          if (answer === undefined) {
            received.push(Buffer.concat(pieces).toString());
            envelopes.push(envelope.rcptTo.map(({ address }) => address));
          }
          callback(answer ?? null);
        });
      },
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  afterEach(() => new Promise<void>((resolve) => server.close(resolve)));

  function urlOf(credentials = ""): string {
    return `smtp://${credentials}127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  }

  it("takes the mail", async () => {
    const mail = await addMail(app, { url: urlOf(), from: "shop@example.com", env: {} });
    await mail.send(welcome);
    expect(received).toHaveLength(1);
    expect(received[0]).toContain("Hello Ann.");
    await expect(mail.check()).resolves.toBeUndefined();
  });

  it("is told the user and the password of the URL", async () => {
    const mail = await addMail(app, { url: urlOf("shop:p%40ss@"), env: {} });
    await mail.send(welcome);
    expect(received).toHaveLength(1);
  });

  it("that refuses the password is a matter of the settings, not of the mail", async () => {
    const mail = await addMail(app, { url: urlOf("shop:wrong@"), env: {} });
    const error = await mail.send(welcome).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "mail_unavailable", isTemporary: true });
    expect(String(error)).toContain("MAIL_URL");
    expect(String(error)).not.toContain("wrong");
  });

  it("that refuses the mail for good is told apart from one that may take it later", async () => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    answer = Object.assign(new Error("no such user"), { responseCode: 550 });
    await expect(mail.send(welcome)).rejects.toMatchObject({ code: "mail_refused", isTemporary: false });
    answer = Object.assign(new Error("greylisted"), { responseCode: 451 });
    await expect(mail.send(welcome)).rejects.toMatchObject({ code: "mail_unavailable", isTemporary: true });
  });

  it("that is gone fails in time, and readiness goes on", async () => {
    const url = urlOf();
    await new Promise<void>((resolve) => server.close(resolve));
    const mail = await addMail(app, { url, timeoutMs: 500, env: {} });
    await expect(mail.send(welcome)).rejects.toBeInstanceOf(MailError);
    await app.ready();
    expect((await app.inject("/_health/mail")).statusCode).toBe(503);
    expect((await app.inject("/readyz")).statusCode).toBe(200);
  });

  it("that is away delays mail that jobs send, and loses none", async () => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    const { queue } = await addJobs(app, { jobs: [...mailJobs(app)], env: {} });
    await app.ready();
    answer = Object.assign(new Error("down"), { responseCode: 451 });
    await mail.send(welcome);
    const waiting = async () => (await queue.list("delayed"))[0];
    await expect.poll(waiting).toBeDefined();
    expect(received).toEqual([]);
    answer = undefined;
    await expect.poll(() => received.length).toBe(1);
  });

  it.each([
    "Ann <ann@example.com>",
    "Ann O'Brien-Grüße Jr. <ann@example.com>",
    '"victim@example.com, Ann" <ann@example.com>',
    '"Sales: (a); b" <ann@example.com>',
    "<ann@example.com>",
    "ann@example.com",
  ])("gets one receiver for one address: %s", async (to) => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    await mail.send({ ...welcome, to });
    expect(envelopes).toEqual([["ann@example.com"]]);
  });

  it("that refuses some receivers fails a mail that no job sends", async () => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    refusals.set("ben@example.com", 451);
    const sending = mail.send({ ...welcome, to: ["ann@example.com", "ben@example.com"] });
    await expect(sending).rejects.toMatchObject({ code: "mail_refused", isTemporary: false });
    await expect(sending).rejects.toThrow("refused 1 of 2 receivers");
    expect(envelopes).toEqual([["ann@example.com"]]);
  });

  it("that refuses some receivers gets the mail of jobs again for those alone", async () => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    const { queue } = await addJobs(app, { jobs: [...mailJobs(app)], env: {} });
    await app.ready();
    refusals.set("ben@example.com", 451).set("cid@example.com", 550);
    await mail.send({ ...welcome, to: ["ann@example.com", "ben@example.com", "cid@example.com"] });
    await expect.poll(async () => (await queue.list("dead")).length).toBe(1);
    await expect.poll(async () => (await queue.list("delayed")).length).toBe(1);
    refusals.clear();
    await expect
      .poll(() => envelopes, { timeout: 20_000 })
      .toEqual([["ann@example.com"], ["ben@example.com"]]);
    expect((await queue.list("dead"))[0]).toMatchObject({ name: "svc-infra.mail", failedAttempts: 1 });
  });

  /** A worker apart, as `svc-infra jobs run` opens its module: its app is never ready and has no `addJobs`. */
  async function withWorker(setUp: (jobs: Jobs) => void, use: (jobs: Jobs) => Promise<void>): Promise<void> {
    await addMail(app, { url: urlOf(), env: {} });
    const [mailJob] = mailJobs(app);
    if (mailJob === undefined) throw new Error("there is no job of mail");
    const jobs = await easyJobs({ jobs: [mailJob] }, { env: {} });
    try {
      setUp(jobs);
      const payload = { ...welcome, from: "shop@example.com", to: ["ann@example.com", "ben@example.com"] };
      await jobs.queue.enqueue(mailJob, payload as never);
      await use(jobs);
    } finally {
      await jobs.close();
    }
  }

  it("that refuses some receivers gets the mail of a worker apart again for those alone", async () => {
    refusals.set("ben@example.com", 451);
    const setUp = (jobs: Jobs) => void app.decorate<unknown>("jobs", jobs);
    await withWorker(setUp, async ({ queue }) => {
      const delayed = async () => (await queue.list("delayed")).map(({ payload }) => payload);
      await expect.poll(delayed).toMatchObject([{ to: "ben@example.com" }]);
      expect(envelopes).toEqual([["ann@example.com"]]);
      expect(await queue.list("dead")).toEqual([]);
    });
  });

  it("that refuses some receivers is not asked again for all where no job can be made for those", async () => {
    refusals.set("ben@example.com", 451);
    const setUp = () => undefined;
    await withWorker(setUp, async ({ queue }) => {
      await expect.poll(async () => (await queue.list("dead")).length).toBe(1);
      const [dead] = await queue.list("dead");
      expect(dead).toMatchObject({ failedAttempts: 1 });
      expect(dead?.error).toContain("no job could be made for ben@example.com");
      expect(envelopes).toEqual([["ann@example.com"]]);
    });
  });

  it("that refuses a mail of jobs for good is not asked again", async () => {
    const mail = await addMail(app, { url: urlOf(), env: {} });
    const { queue } = await addJobs(app, { jobs: [...mailJobs(app)], env: {} });
    await app.ready();
    answer = Object.assign(new Error("no such user"), { responseCode: 550 });
    await mail.send(welcome);
    await expect.poll(async () => (await queue.list("dead")).length).toBe(1);
    expect(await queue.list("delayed")).toEqual([]);
  });

  it("is never told to the log with its password", async () => {
    const mail = await addMail(app, { url: urlOf("shop:p%40ss@"), env: {} });
    expect(mail.description).not.toContain("ss@");
    expect(mail.description).not.toContain("shop");
  });
});

it.each(["http://example.com", "smtp://", "mail.example.com", "smtps:host"])(
  "the URL %s is refused without being shown",
  async (url) => {
    await expect(addMail(app, { url, env: {} })).rejects.toThrow(/^option 'url': expected a URL like smtp:/);
  },
);

it("a password that is not escaped is refused, and the variable is named", async () => {
  const env = { MAIL_URL: "smtp://shop:100%pass@mail.example.com" };
  const adding = addMail(app, { env });
  await expect(adding).rejects.toThrow(/^MAIL_URL: expected a URL like smtp:.*%25/);
  await expect(adding).rejects.not.toThrow("pass@");
});

it.each(["Shop", "shop@example.com, all@example.com"])("the sender %s is refused at start", async (from) => {
  await expect(addMail(app, { folder, env: { MAIL_FROM: from } })).rejects.toThrow(/MAIL_FROM: expected/);
});

describe("a template", () => {
  it("escapes every value of its HTML", () => {
    const name = '<img src=x onerror="alert(1)">';
    expect(html`<p>${name}</p>${html`<b>${1}</b>`}`.toString()).toBe(
      "<p>&lt;img src=x onerror=&quot;alert(1)&quot;&gt;</p><b>1</b>",
    );
  });

  it("of a link gives text and HTML", () => {
    const { text, html: markup } = linkMail({
      subject: "Confirm",
      reason: "You signed up.",
      url: "https://example.com/?a=1&b=2",
      action: "Confirm the address",
      note: "It works once.",
    });
    expect(text).toContain("Confirm the address: https://example.com/?a=1&b=2");
    expect(markup).toContain('href="https://example.com/?a=1&amp;b=2"');
  });
});
