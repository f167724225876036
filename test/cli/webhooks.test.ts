import { afterAll, expect, it } from "vitest";
import { Endpoint } from "../webhooks/endpoint.js";
import { CommandLine, freePort } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

const secret = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
const other = `whsec_${Buffer.alloc(24, 2).toString("base64")}`;

async function listen(...args: readonly string[]) {
  const port = await freePort();
  const listening = cli.start(["webhooks", "listen", "--port", String(port), ...args]);
  const url = `http://127.0.0.1:${port}`;
  const answers = () => fetch(url).then(({ status }) => status, String);
  await expect.poll(answers).toBe(405);
  return { listening, url };
}

it("send signs what listen verifies and prints, and another secret is refused", async () => {
  const { listening, url } = await listen("--secret", secret);
  const options = ["--type", "invoice.paid", "--data", '{"amount":12}', "--id", "evt_1"];
  const sent = await cli.run(["webhooks", "send", url, "--secret", secret, ...options]);
  expect(sent).toMatchObject({ code: 0, stdout: expect.stringMatching(/^evt_1 204 in \d+ ms\n$/) });
  const refused = await cli.run(["webhooks", "send", url, "--secret", other, "--id", "evt_2"]);
  expect(refused).toMatchObject({ code: 1, stdout: expect.stringMatching(/^evt_2 401 /) });
  const challenge = { type: "webhook.challenge", data: { challenge: "a-word" } };
  const asked = await cli.run([
    ...["webhooks", "send", url, "--secret", secret, "--type", challenge.type],
    ...["--data", JSON.stringify(challenge.data)],
  ]);
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/ 200 in \d+ ms: a-word\n$/) });
  const { code, stdout } = await listening.stop("SIGTERM");
  expect(code).toBe(143);
  expect(stdout).toMatch(/^evt_1\n {2}\{"type":"invoice\.paid",.*"data":\{"amount":12\}\}$/m);
  expect(stdout).toMatch(/^evt_2 is refused: no signature/m);
});

it("send signs what the library of the specification verifies", async () => {
  const endpoint = await Endpoint.start();
  endpoint.secrets = [secret];
  const options = ["--type", "invoice.paid", "--data", '{"amount":12}', "--id", "evt_1"];
  expect(await cli.run(["webhooks", "send", endpoint.url, "--secret", secret, ...options])).toMatchObject({
    code: 0,
  });
  expect(await cli.run(["webhooks", "send", endpoint.url, "--secret", other])).toMatchObject({ code: 1 });
  expect(endpoint.received).toMatchObject([{ id: "evt_1", type: "invoice.paid", data: { amount: 12 } }]);
  expect(endpoint.unverified).toHaveLength(1);
  endpoint.stop();
}, 60_000);

it("listen answers as it is told, and send says so", async () => {
  const { url } = await listen("--status", "503");
  const sent = await cli.run(["webhooks", "send", url, "--secret", secret]);
  expect(sent).toMatchObject({ code: 1, stdout: expect.stringMatching(/^evt_\S+ 503 /) });
  const nowhere = await cli.run(["webhooks", "send", "http://127.0.0.1:1/", "--secret", secret]);
  expect(nowhere).toMatchObject({ code: 1, stdout: expect.stringContaining("no answer") });
});

it("both print JSON for programs", async () => {
  const { listening, url } = await listen("--secret", secret, "--json");
  const send = (by: string, id: string) =>
    cli.run(["webhooks", "send", url, "--secret", by, "--id", id, "--json"]);
  const [taken, refused] = [await send(secret, "evt_1"), await send(other, "evt_2")];
  expect([taken.code, JSON.parse(taken.stdout)]).toEqual([
    0,
    { id: "evt_1", status: 204, ms: expect.any(Number), detail: "" },
  ]);
  expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { id: "evt_2", status: 401 }]);
  const { stdout, stderr } = await listening.stop("SIGTERM");
  expect(stderr).toContain("Listening on");
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { id: "evt_1", refused: null, body: expect.stringContaining('"type":"webhook.test"') },
    { id: "evt_2", refused: expect.stringContaining("no signature") },
  ]);
});

it.each([
  [["send"], "--secret <whsec>"],
  [["send", "http://localhost/", "--secret", "short"], "expected whsec_"],
  [["send", "http://localhost/", "--secret", secret, "--data", "{"], "expected JSON"],
  [["listen", "--port", "many"], "expected a whole number from 0 to 65535"],
])("%j is refused with 2", async (args, message) => {
  const { code, stderr } = await cli.run(["webhooks", ...args]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
