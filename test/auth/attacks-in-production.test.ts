import { afterAll, describe, expect, it, vi } from "vitest";
import { type PostgresRig, startPostgres } from "../rigs/postgres.js";
import { refuseAttacks } from "./attacks.js";
import { AuthService } from "./auth-service.js";
import { Inbox } from "./inbox.js";

// The library reads it when it is imported.
vi.hoisted(() => {
  process.env.NODE_ENV = "production";
});

const env = { NODE_ENV: "production" };
const origin = "https://app.example.com";
let rig: PostgresRig | undefined;

async function inProduction() {
  rig ??= await startPostgres();
  return { env, origin, databaseUrl: await rig.createDatabase() };
}

afterAll(() => rig?.stop());

describe("a service in production refuses", () => {
  refuseAttacks(inProduction);
});

describe("a service in production", () => {
  it("sends cookies that only its own host can set, over TLS, unseen by scripts", async () => {
    const inbox = await Inbox.start();
    const service = await AuthService.start(inbox, await inProduction());
    await service.signUp("ann@example.com");
    const body = { email: "ann@example.com", password: "correct staple horse 7" };
    const answer = await service.browser().post("/auth/sign-in/email", body);
    const cookies = [answer.headers["set-cookie"] ?? []].flat();
    expect(cookies.length).toBeGreaterThan(1);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__Host-auth\./);
      for (const attribute of ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"])
        expect(cookie).toContain(attribute);
      expect(cookie).not.toMatch(/domain=/i);
    }
    await service.stop();
    await inbox.stop();
  });

  it.each([
    [{ secret: undefined }, "AUTH_SECRET"],
    [{ baseUrl: "http://app.example.com" }, "AUTH_BASE_URL"],
    [{ baseUrl: undefined }, "AUTH_BASE_URL"],
  ])("does not start with %j", async (options, name) => {
    const inbox = await Inbox.start();
    const starting = AuthService.start(inbox, { ...(await inProduction()), ...options, isFilled: true });
    await expect(starting).rejects.toThrow(name);
    await inbox.stop();
  });
});
