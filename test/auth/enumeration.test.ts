import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AuthService, password } from "./auth-service.js";
import { Inbox } from "./inbox.js";

/**
 * Pairs that are measured until the medians are compared; more of them while they differ. With `ENUMERATION_PAIRS` it
 * is exactly that many, which a quiet machine can afford.
 */
const fixedPairs = Number(process.env.ENUMERATION_PAIRS ?? 0);
const pairs = fixedPairs || 11;
const mostPairs = fixedPairs || 66;
const allowed = 0.1;

let inbox: Inbox;
let service: AuthService;
let address: URL | undefined;

beforeAll(async () => {
  inbox = await Inbox.start();
  service = await AuthService.start(inbox, { lockoutMaxAttempts: 1000 });
  await service.signUp("known@example.com");
});

afterAll(async () => {
  await service.stop();
  await inbox.stop();
});

/** Routes that take an address. The time that the process works tells what was done, on a busy machine as well. */
const routes = {
  "/auth/sign-in/email": {
    body: { password: "wrong wrong wrong" },
    // A password is hashed for either, which is nearly all of it.
    measure: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  },
  // These answer no sooner than after a fixed time, whatever they did.
  "/auth/request-password-reset": { body: { redirectTo: "/new" }, measure: () => performance.now() },
  "/auth/sign-up/email": { body: { password, name: "N" }, measure: () => performance.now() },
  "/auth/send-verification-email": { body: {}, measure: () => performance.now() },
} as const;

it.each(Object.entries(routes))(
  "%s takes as long for a known address as for an unknown one: medians within 10 %%",
  async (path, { body, measure }) => {
    const [known, unknown]: [number[], number[]] = [[], []];
    const call = async (email: string, times: number[] | undefined) => {
      const before = measure();
      const { statusCode } = await service.browser().post(path, { ...body, email });
      times?.push(measure() - before);
      return statusCode;
    };
    for (let warm = 0; warm < 2; warm++) await call("known@example.com", undefined);
    for (let pair = 0; pair < mostPairs; pair++) {
      const calls = [
        () => call("known@example.com", known),
        () => call(`unknown-${path.length}-${pair}@example.com`, unknown),
      ] as const;
      // The two take turns in being first.
      const [one, other] = pair % 2 === 0 ? calls : ([calls[1], calls[0]] as const);
      expect(await one()).toBe(await other());
      if (pair + 1 >= pairs && differenceOf(known, unknown) < allowed) break;
    }
    if (fixedPairs > 0) console.log(`${path}: ${(differenceOf(known, unknown) * 100).toFixed(1)} %`);
    expect(differenceOf(known, unknown)).toBeLessThan(allowed);
  },
  180_000 + fixedPairs * 3_000,
);

it.each([
  "/auth/./request-password-reset",
  "/auth/x/..\\request-password-reset",
  "/auth/request-password-reset#x",
])("%s answers no sooner either", async (path) => {
  address ??= new URL(await service.app.listen({ port: 0, host: "127.0.0.1" }));
  const before = performance.now();
  expect(await postAsIs(address, path, { email: "unknown@example.com", redirectTo: "/new" })).toBe(200);
  expect(performance.now() - before).toBeGreaterThan(395);
});

/** Sends a path that `inject` and `fetch` would write in another way. */
async function postAsIs({ port }: URL, path: string, body: object): Promise<number | undefined> {
  const headers = { origin: service.origin, "content-type": "application/json" };
  const sent = request({ host: "127.0.0.1", port, path, method: "POST", headers, agent: false });
  sent.end(JSON.stringify(body));
  const [answer]: IncomingMessage[] = await once(sent, "response");
  answer?.resume();
  return answer?.statusCode;
}

function differenceOf(one: readonly number[], other: readonly number[]): number {
  return Math.abs(middle(one) / middle(other) - 1);
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
