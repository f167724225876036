import { afterAll, expect, it } from "vitest";
import { serveVariables } from "#dist/cli/serve-settings.js";
import { storageVariables } from "#dist/storage/settings.js";
import { CommandLine } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

it("--help shows the commands and examples, and ends with 0", async () => {
  const { code, stdout } = await cli.run(["--help"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/serve/);
  expect(stdout).toMatch(/\$ svc-infra serve/);
});

it("serve --help names every variable that it reads", async () => {
  const { code, stdout } = await cli.run(["serve", "--help"]);
  expect(code).toBe(0);
  for (const { name } of Object.values({ ...serveVariables, ...storageVariables }))
    expect(stdout).toContain(name);
});

it.each([[["--nope"]], [["serve", "--nope"]], [["sevre"]], [["serve", "extra"]]])(
  "%j is refused with 2 and a hint",
  async (args) => {
    const { code, stderr } = await cli.run(args);
    expect(code).toBe(2);
    expect(stderr).toContain("--help");
  },
);

it("tells its version", async () => {
  const { code, stdout } = await cli.run(["--version"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});
