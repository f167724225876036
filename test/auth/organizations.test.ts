import { afterAll, beforeAll, expect, it } from "vitest";
import { AuthService } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";

let inbox: Inbox;
let service: AuthService;

beforeAll(async () => {
  inbox = await Inbox.start();
  service = await AuthService.start(inbox);
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

async function organization(owner: Browser, slug: string): Promise<string> {
  const answer = await owner.post("/auth/organization/create", { name: slug, slug });
  expect(answer.statusCode).toBe(200);
  return answer.json().id;
}

async function join(owner: Browser, guest: Browser, email: string): Promise<void> {
  const invited = await owner.post("/auth/organization/invite-member", { email, role: "member" });
  expect(invited.statusCode).toBe(200);
  const link = await inbox.linkTo(email, 2);
  const invitationId = link.pathname.split("/").at(-1);
  const accepted = await guest.post("/auth/organization/accept-invitation", { invitationId });
  expect(accepted.statusCode).toBe(200);
}

it("the active organisation is the tenant of a member, and of no other user", async () => {
  const ann = await service.signIn("ann@example.com");
  const ben = await service.signIn("ben@example.com");
  const acme = await organization(ann, "acme");
  expect((await ann.get("/me")).json()).toMatchObject({
    tenant: acme,
    requestTenant: acme,
    roles: ["owner"],
  });
  const other = await organization(ann, "other");
  expect((await ann.get("/me")).json().requestTenant).toBe(other);
  await ann.post("/auth/organization/set-active", { organizationId: acme });
  expect((await ann.get("/me")).json().requestTenant).toBe(acme);

  const stranger = await ben.post("/auth/organization/set-active", { organizationId: acme });
  expect(stranger.statusCode).toBe(403);
  expect((await ben.get("/me")).json().requestTenant).toBeUndefined();

  await join(ann, ben, "ben@example.com");
  await ben.post("/auth/organization/set-active", { organizationId: acme });
  expect((await ben.get("/me")).json()).toMatchObject({ requestTenant: acme, roles: ["member"] });
  expect((await ben.get("/owners")).statusCode).toBe(403);
  expect((await ann.get("/owners")).statusCode).toBe(200);
});

it("the active organisation is the tenant also where the tenancy was added behind the users", async () => {
  const other = await AuthService.start(inbox, { isTenancyLast: true });
  const fay = await other.signIn("fay@example.com");
  const club = await organization(fay, "fays-club");
  expect((await fay.get("/me")).json()).toMatchObject({ tenant: club, requestTenant: club });
  await other.stop();
});

it("a member who was removed is of no tenant at once, nor are their API keys", async () => {
  const cat = await service.signIn("cat@example.com");
  const dan = await service.signIn("dan@example.com");
  const club = await organization(cat, "club");
  await join(cat, dan, "dan@example.com");
  await dan.post("/auth/organization/set-active", { organizationId: club });
  const { key, tenant } = (await dan.post("/auth/api-keys", { name: "robot", scopes: [] })).json();
  expect(tenant).toBe(club);
  const call = () => service.browser().get("/me", { "x-api-key": key });
  expect((await call()).json().requestTenant).toBe(club);
  const removed = await cat.post("/auth/organization/remove-member", { memberIdOrEmail: "dan@example.com" });
  expect(removed.statusCode).toBe(200);
  expect((await call()).statusCode).toBe(401);
  expect((await dan.get("/me")).json().requestTenant).toBeUndefined();
});

it("an API key stays in its tenant when its user goes to another", async () => {
  const eve = await service.signIn("eve@example.com");
  const first = await organization(eve, "first");
  const { key } = (await eve.post("/auth/api-keys", { name: "robot", scopes: [] })).json();
  await organization(eve, "second");
  const answer = await service.browser().get("/me", { "x-api-key": key });
  expect(answer.json().requestTenant).toBe(first);
});
