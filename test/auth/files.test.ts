import { addStorage } from "svc-infra";
import { type FileAccess, tenantFiles, userFiles } from "svc-infra/auth";
import { Storage } from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuthService } from "./auth-service.js";
import type { Browser } from "./browser.js";
import { Inbox } from "./inbox.js";

let inbox: Inbox;

beforeAll(async () => {
  inbox = await Inbox.start();
});

afterAll(() => inbox.stop());

function serviceWith(authorize: FileAccess): Promise<AuthService> {
  const backend = new MemoryBackend({
    baseUrl: "http://127.0.0.1:1/files",
    secrets: ["0123456789abcdef0123456789abcdef"],
  });
  return AuthService.start(inbox, {
    extend: (app) =>
      addStorage(app, new Storage(backend), { authorize, allowOrigins: ["http://localhost:3000"] }),
  });
}

const put = (browser: Browser, headers: Record<string, string> = {}) =>
  browser.request(
    "PUT",
    "/_storage/files/plan.json",
    { secret: true },
    { origin: "http://localhost:3000", ...headers },
  );

/** The status of each way to a file of another. */
async function reach(browser: Browser, headers: Record<string, string> = {}): Promise<number[]> {
  const origin = { origin: "http://localhost:3000", ...headers };
  const answers = [
    await browser.get("/_storage/download/plan.json", headers),
    await browser.get("/_storage/metadata/plan.json", headers),
    await browser.request("DELETE", "/_storage/files/plan.json", undefined, origin),
  ];
  return answers.map((each) => each.statusCode);
}

describe("the files of users", () => {
  it("are reached by their user alone, and by keys with the scope", async () => {
    const service = await serviceWith(userFiles());
    const ann = await service.signIn("ann@example.com");
    const ben = await service.signIn("ben@example.com");
    expect((await put(ann)).statusCode).toBe(200);
    expect(await reach(service.browser())).toEqual([401, 401, 401]);
    const [download, metadata] = await reach(ben);
    expect([download, metadata]).toEqual([404, 404]);
    const { key } = (await ann.post("/auth/api-keys", { name: "r", scopes: ["files:read"] })).json();
    const robot = { authorization: `Bearer ${key}` };
    expect(await reach(service.browser(), robot)).toEqual([200, 200, 403]);
    expect((await put(ann, { origin: "https://evil.example" })).statusCode).toBe(403);
    // A key that was made in an organisation is for the files of the organisation.
    await ann.post("/auth/organization/create", { name: "Firm", slug: "firm" });
    const scopes = ["files:read", "files:write"];
    const ofTenant = (await ann.post("/auth/api-keys", { name: "t", scopes })).json();
    expect(ofTenant.tenant).toEqual(expect.any(String));
    const headers = { authorization: `Bearer ${ofTenant.key}` };
    expect(await reach(service.browser(), headers)).toEqual([403, 403, 403]);
    expect((await ann.get("/_storage/download/plan.json")).json()).toEqual({ secret: true });
    await service.stop();
  });
});

describe("the files of tenants", () => {
  it("are reached by the members of the active organisation alone", async () => {
    const service = await serviceWith(tenantFiles());
    const cat = await service.signIn("cat@example.com");
    const dan = await service.signIn("dan@example.com");
    expect((await put(cat)).statusCode).toBe(403);
    await cat.post("/auth/organization/create", { name: "Club", slug: "club" });
    expect((await put(cat)).statusCode).toBe(200);
    expect(await reach(dan)).toEqual([403, 403, 403]);
    await dan.post("/auth/organization/create", { name: "Other", slug: "other" });
    const [download, metadata] = await reach(dan);
    expect([download, metadata]).toEqual([404, 404]);
    expect((await cat.get("/_storage/download/plan.json")).statusCode).toBe(200);
    await service.stop();
  });
});
