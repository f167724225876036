import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { CommandLine } from "./command-line.js";

const rig = await startCeph();
const cli = new CommandLine();
afterAll(async () => {
  cli.dispose();
  await rig.stop();
});

/** Passes every request on to the service, but the one that lists all that a check has written. */
async function refusingCleanUp(): Promise<string> {
  const { hostname, port } = new URL(rig.endpoint);
  const server = createServer((incoming, answer) => {
    const { url = "/", method, headers } = incoming;
    if (/[?&]prefix=svc-infra-check-\w+%2F(?:&|$)/.test(url)) return void answer.writeHead(403).end();
    const passed = request({ hostname, port, path: url, method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("storage check of a service with limits of its own", () => {
  it("asks of an unknown service no more than every service can do", async () => {
    const { code, stdout } = await cli.run(["storage", "check"], {
      ...rig.env,
      STORAGE_S3_PROVIDER: "other",
    });
    expect(stdout).toContain("✓ S3Backend keeps the contract.");
    expect(stdout).toContain("S3Backend does not have ifAbsent");
    expect(code).toBe(0);
  });

  it("gives its verdict also when what it wrote cannot be removed, and says where that is", async () => {
    const { code, stdout, stderr } = await cli.run(["storage", "check", "--json"], {
      ...rig.env,
      STORAGE_S3_ENDPOINT: await refusingCleanUp(),
    });
    const { folder, failed, cases } = JSON.parse(stdout);
    expect(stderr).toContain(`${folder} could not be removed; remove it by hand: `);
    expect(cases.length).toBeGreaterThan(100);
    expect(cases.filter(({ status }: { status: string }) => status === "failed")).toEqual([]);
    expect([failed, code]).toEqual([0, 0]);
  });
});
