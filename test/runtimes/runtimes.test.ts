import { spawn } from "node:child_process";
import { once } from "node:events";
import { beforeAll, expect, it } from "vitest";
import { installLocked } from "../rigs/locked-packages.js";
import { runtimes } from "../rigs/runtimes.js";

beforeAll(() => installLocked("runtimes"), 300_000);

it.each(Object.entries({ "this Node": process.execPath, ...runtimes }))(
  "the storage and the whole service work on %s",
  async (_, program) => {
    const child = spawn(program, ["test/runtimes/smoke.js"], {
      env: { PATH: process.env.PATH ?? "" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    }
    const [code] = await once(child, "close");
    expect([code, said]).toEqual([0, "whole\n"]);
  },
);
