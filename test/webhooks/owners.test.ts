import Fastify from "fastify";
import type { SqlDb } from "svc-infra/sql";
import { addWebhooks } from "svc-infra/webhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Accounts } from "#dist/auth/account/accounts.js";
import * as users from "#dist/auth/schema.js";
import { MailError } from "#dist/mail/mail-error.js";
import { OwnerMails } from "#dist/webhooks/owner-mails.js";
import * as schema from "#dist/webhooks/schema.js";
import { AuthService } from "../auth/auth-service.js";
import { Inbox } from "../auth/inbox.js";
import { createTables } from "./create-tables.js";
import { Endpoint } from "./endpoint.js";

let inbox: Inbox;
let service: AuthService;
let endpoint: Endpoint;

beforeAll(async () => {
  inbox = await Inbox.start();
  endpoint = await Endpoint.start();
  endpoint.answer = (response) => response.writeHead(410).end();
  service = await AuthService.start(inbox, {
    extend: async (app) => {
      await createTables(app.sql, schema);
      await addWebhooks(app, { allowPrivateAddresses: true, env: {} });
    },
  });
});

afterAll(async () => {
  await service.app.close();
  endpoint.stop();
  await inbox.stop();
});

it("by default each owner of its organisation is mailed that a subscription was disabled, and no other member", async () => {
  const { db, webhooks } = service.app;
  for (const id of ["acme", "other"]) {
    await db.insert(users.authOrganizations).values({ id, name: id, slug: id });
  }
  const members = [
    ["ann", "acme", "owner"],
    ["ben", "acme", "admin,owner"],
    ["cat", "acme", "member"],
    ["dan", "other", "owner"],
  ] as const;
  for (const [id, organizationId, role] of members) {
    await db.insert(users.authUsers).values({ id, name: id, email: `${id}@example.com` });
    await db.insert(users.authMembers).values({ id, organizationId, userId: id, role });
  }
  const { subscription } = await webhooks.subscriptions.add("acme", { url: endpoint.url, events: ["*"] });
  await webhooks.prove("acme", subscription.id);
  const event = { id: "evt_1", type: "a.b", version: 3, tenant: "acme", occurredAt: new Date(), data: {} };
  await webhooks.dispatch(event);
  for (const owner of ["ann", "ben"]) {
    const mail = await inbox.mailTo(`${owner}@example.com`);
    expect(mail).toContain("A webhook was disabled");
    expect(mail).toContain(endpoint.url);
    expect(mail).toContain("410 Gone");
  }
  await expect
    .poll(async () => (await webhooks.subscriptions.row("acme", subscription.id)).tellOwnerAt)
    .toBeNull();
  expect(["cat", "dan"].map((each) => inbox.countOf(`${each}@example.com`))).toEqual([0, 0]);
});

it("a mail that fails keeps no other owner from being told, and only it is repeated, unless it is refused for good", async () => {
  const owners = ["eve", "fay", "gus"].map((id) => `${id}@example.com`);
  const sent: string[] = [];
  const failing = new Map([
    [owners[0], new MailError("mail_unavailable", "not now")],
    [owners[1], new MailError("mail_refused", "no such address")],
  ]);
  const send = async ({ to }: { to: string }) => {
    sent.push(to);
    const error = failing.get(to);
    if (error !== undefined) throw error;
  };
  const mails = new OwnerMails(() => ({ ownersOf: async () => owners, send }), service.app.log);
  const disabled = {
    id: "whsub_1",
    tenant: "acme",
    url: endpoint.url,
    reason: "gone",
    disabledAt: new Date(1),
  };
  await expect(mails.tell(disabled)).rejects.toThrow("not now");
  expect(sent).toEqual(owners);
  failing.clear();
  await mails.tell(disabled);
  expect(sent.slice(3)).toEqual([owners[0]]);
  await mails.tell({ ...disabled, disabledAt: new Date(2) });
  expect(sent.slice(4)).toEqual(owners);
});

it("subscriptions end with the account also where users are added later", async () => {
  const app = Fastify();
  app.decorate<SqlDb>("sql", service.app.sql).decorate("db", service.app.db);
  const webhooks = await addWebhooks(app, { allowPrivateAddresses: true, deliver: false, env: {} });
  const accounts = new Accounts(service.app.db);
  app.decorate("authUsers", Object.create(service.app.authUsers, { accounts: { value: accounts } }));
  await app.ready();
  await service.app.db
    .insert(users.authUsers)
    .values({ id: "hal", name: "hal", email: "hal@example.com", emailVerified: true });
  await service.app.db.insert(users.authOrganizations).values({ id: "hals", name: "hals", slug: "hals" });
  await service.app.db
    .insert(users.authMembers)
    .values({ id: "hal", organizationId: "hals", userId: "hal", role: "owner" });
  await webhooks.subscriptions.add("hals", { url: endpoint.url, events: ["*"] });
  expect(await accounts.export("hal")).toMatchObject({ data: { webhooks: [{ url: endpoint.url }] } });
  expect(await accounts.erase("hal")).toEqual({ outcome: "erased" });
  expect(await webhooks.subscriptions.list("hals")).toEqual([]);
  await app.close();
});

it("an app without users or mail tells its log alone", async () => {
  const app = Fastify();
  app.decorate<SqlDb>("sql", service.app.sql).decorate("db", service.app.db);
  const webhooks = await addWebhooks(app, { allowPrivateAddresses: true, env: {} });
  await app.ready();
  const { subscription } = await webhooks.subscriptions.add("alone", { url: endpoint.url, events: ["*"] });
  await webhooks.subscriptions.disable(subscription.id, "by hand");
  webhooks.wake();
  await expect
    .poll(async () => (await webhooks.subscriptions.row("alone", subscription.id)).tellOwnerAt)
    .toBeNull();
  await app.close();
});
