import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Daemons } from "./daemons.js";
import { freePorts } from "./free-ports.js";

it("a server that ends while it starts fails the start, with what it logged, and leaves nothing", async () => {
  const daemons = await Daemons.inOwnFolder("test");
  const starting = daemons.whole(async () => {
    daemons.start("steady", "sleep", ["100"]);
    daemons.start("broken", "sh", ["-c", "echo no such disk >&2; exit 3"]);
    await daemons.until("the end of time", () => false);
  });
  await expect(starting).rejects.toThrow(/^broken ended with 3\n--- broken:\nno such disk$/);
  expect(existsSync(daemons.folder)).toBe(false);
});

it("a program that is not there, one that fails, and one that never is ready fail the start", async () => {
  const daemons = await Daemons.inOwnFolder("test");
  await expect(daemons.run("absent", "svc-infra-no-such-program", [])).rejects.toThrow(
    "absent ended with 127",
  );
  await expect(daemons.run("failing", "false", [])).rejects.toThrow("failing ended with 1");
  await expect(daemons.until("it to be Sunday", () => false, 50)).rejects.toThrow(
    "waited 50 ms for it to be Sunday",
  );
  await daemons.stop();
  await daemons.stop();
});

it("a server sees nothing of the environment of its caller", async () => {
  process.env.AWS_PROFILE = "mine";
  const daemons = await Daemons.inOwnFolder("test");
  await daemons.run("env", "env", []);
  expect(await readFile(join(daemons.folder, "env.log"), "utf8")).toMatch(/^(?:(?:PATH|LANG|HOME)=.*\n)+$/);
  await daemons.stop();
});

it("free ports are different ones", async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
});
