import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { afterAll, expect, it } from "vitest";
import { CommandLine } from "../cli/command-line.js";

const example = resolve("examples/saas");
const commandLine = new CommandLine();

afterAll(() => commandLine.dispose());

it("the migrations of the example make every table of this version", async () => {
  const { code, stdout, stderr } = await commandLine.run(["db", "check"], {
    ...parseEnv(readFileSync(join(example, "example.env"), "utf8")),
    SQL_SCHEMA: join(example, "schema.ts"),
    SQL_MIGRATIONS_DIR: join(example, "migrations"),
  });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("svc_infra_webhook_deliveries");
});
