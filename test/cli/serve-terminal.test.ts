import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CommandLine, freePort } from "./command-line.js";

let cli: CommandLine;
let port: number;

beforeEach(async () => {
  cli = new CommandLine();
  port = await freePort();
});
afterEach(() => cli.dispose());

it("on a terminal serve prints readable lines and the address of its page, and Ctrl-C ends it", async () => {
  // script(1) gives the command a terminal of its own.
  const command = `exec "${process.execPath}" "${resolve("dist/cli/main.js")}" serve`;
  const terminal = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd: cli.folder,
    env: { PATH: process.env.PATH ?? "", PORT: String(port) },
  });
  let shown = "";
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
  });
  const isShown = () => shown.includes(`Open http://localhost:${port} in a browser`);
  await vi.waitUntil(isShown, { timeout: 60_000, interval: 20 });
  expect((await fetch(`http://localhost:${port}`)).headers.get("content-type")).toMatch(/^text\/html/);
  terminal.stdin.write("\x03");
  const [code] = await once(terminal, "close");
  expect(code).toBe(0);
  const lines = stripVTControlCharacters(shown).split("\r\n");
  expect(lines.filter((line) => line.startsWith("{"))).toEqual([]);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d info {2}\S/);
});
