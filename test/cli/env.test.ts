import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CommandLine } from "./command-line.js";

let cli: CommandLine;
beforeEach(() => {
  cli = new CommandLine();
});
afterEach(() => cli.dispose());

it("tells of each variable where it is set, and masks secrets", async () => {
  writeFileSync(join(cli.folder, ".env"), "PORT=9000\nSQL_URL=postgresql://shop:hunter2@localhost/shop\n");
  const baseUrl = "https://shop:hunter2@hunter2@example.com";
  const { code, stdout } = await cli.run(["env"], { LOG_LEVEL: "warn", STORAGE_BASE_URL: baseUrl });
  expect(code).toBe(0);
  expect(stdout).toMatch(/PORT +9000 +\(\.env\)/);
  expect(stdout).toMatch(/LOG_LEVEL +warn +\(environment\)/);
  expect(stdout).toMatch(/SQL_URL +\*\*\* +\(\.env\)/);
  expect(stdout).not.toContain("hunter2");
});

it("knows every variable that is documented", async () => {
  const rows = readFileSync("docs/configuration.md", "utf8").matchAll(/^\| `([A-Z0-9_]+)`/gm);
  const names = [...rows].map(([, name]) => name);
  writeFileSync(join(cli.folder, ".env"), names.map((name) => `${name}=x\n`).join(""));
  const { unknown } = JSON.parse((await cli.run(["env", "--json"])).stdout);
  expect(unknown).toEqual([]);
  expect(names).toContain("SQL_AUTO_MIGRATE");
});

it("shows a name that nothing reads with the nearest one, and never its value", async () => {
  const { code, stdout } = await cli.run(["env"], { STORAGE_SIGNING_SECERT: "hunter2" });
  expect(code).toBe(0);
  expect(stdout).toContain("STORAGE_SIGNING_SECERT  (environment)  did you mean STORAGE_SIGNING_SECRET?");
  expect(stdout).not.toContain("hunter2");
});

it("leaves out what resembles no name of the kit, and knows those of the sides of a copy", async () => {
  writeFileSync(join(cli.folder, ".env"), "STORAGE_FROM_S3_SECRET_KEY_FILE=secret.txt\nQUEUES=x\n");
  const foreign = { MAIL: "/var/mail/root", HTTP_PROXY: "http://proxy:3128", STORAGE_TO_S3_BUCKET: "new" };
  const { unknown } = JSON.parse((await cli.run(["env", "--json"], foreign)).stdout);
  expect(unknown).toEqual([{ name: "QUEUES", source: ".env" }]);
});

it("masks a password also where it says what is wrong with the value", async () => {
  const { code, stdout } = await cli.run(["env"], { STORAGE_BASE_URL: "https://shop:hun/ter 2@example.com" });
  expect([code, stdout]).toEqual([1, expect.stringContaining('not "https://***@example.com"')]);
  expect(stdout).not.toMatch(/hun|ter 2/);
});

it("ends with 1 when a value cannot be used, and says what can", async () => {
  const { code, stdout } = await cli.run(["env"], { PORT: "eighty" });
  expect(code).toBe(1);
  expect(stdout).toContain("expected a port from 1 to 65535");
});

it("--json has every variable with its source", async () => {
  const { stdout } = await cli.run(["env", "--json"], { PORT: "9000" });
  const { variables } = JSON.parse(stdout);
  expect(variables).toContainEqual({ of: "service", name: "PORT", source: "environment", value: "9000" });
  expect(variables).toContainEqual(
    expect.objectContaining({ name: "SQL_POOL_SIZE", source: "default", value: "10" }),
  );
});
