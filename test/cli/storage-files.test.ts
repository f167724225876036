import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { local } from "../acceptance/served-backends.js";
import { CommandLine, freePort } from "./command-line.js";
import { describeStorageFiles } from "./storage-files.js";

describeStorageFiles(local);

describe("storage, on this machine", () => {
  const line = new CommandLine();
  afterAll(() => line.dispose());
  const there = (name: string) => join(line.folder, name);
  const folder = { STORAGE_BASE_PATH: there("files") };

  it("get writes into a pipe, and through symbolic links, and replaces neither", async () => {
    await line.run(["storage", "put", "-", "a.txt"], folder, "hello");
    execFileSync("mkfifo", [there("pipe")]);
    const read = readFile(there("pipe"), "utf8");
    expect((await line.run(["storage", "get", "a.txt", "pipe"], folder)).stdout).toBe("pipe: 5 bytes\n");
    expect(await read).toBe("hello");
    expect(lstatSync(there("pipe")).isFIFO()).toBe(true);
    mkdirSync(there("kept"));
    writeFileSync(there("kept/old.txt"), "old");
    for (const name of ["old.txt", "new.txt"]) {
      symlinkSync(`kept/${name}`, there(name));
      expect((await line.run(["storage", "get", "a.txt", name], folder)).code).toBe(0);
      expect(lstatSync(there(name)).isSymbolicLink()).toBe(true);
      expect(readFileSync(there(`kept/${name}`), "utf8")).toBe("hello");
    }
    expect(readdirSync(there("kept")).sort()).toEqual(["new.txt", "old.txt"]);
  });

  it.each([
    ["stdout of a pipe", '"$NODE" "$MAIN" storage get a.txt /dev/stdout | tee piped.txt'],
    ["a process of the shell", '"$NODE" "$MAIN" storage get a.txt >(tee piped.txt)'],
  ])("get writes to %s", async (_what, script) => {
    await line.run(["storage", "put", "-", "a.txt"], folder, "hello");
    const env = {
      PATH: process.env.PATH,
      NODE: process.execPath,
      MAIN: resolve("dist/cli/main.js"),
      ...folder,
    };
    execFileSync("bash", ["-o", "pipefail", "-c", script], { cwd: line.folder, env, stdio: "pipe" });
    await expect.poll(() => readFileSync(there("piped.txt"), "utf8")).toMatch(/^hello/);
  });

  it("a folder that is not there is told without a stack", async () => {
    const { code, stderr } = await line.run(["storage", "get", "a.txt", "none/a.txt"], folder);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^ENOENT: .*none\/a\.txt.*\n$/)]);
  });

  it.each(["put - k", "url k", "ls", "rm k"])("memory is refused for %s", async (words) => {
    const outcome = await line.run(["storage", ...words.split(" ")], { STORAGE_BACKEND: "memory" }, "hello");
    expect(outcome).toMatchObject({ code: 1, stdout: "" });
    expect(outcome.stderr).toMatch(/STORAGE_BACKEND is 'memory', and memory ends with the command/);
  });

  it("url --public prints what serve serves", async () => {
    const PORT = String(await freePort());
    const env = { ...folder, PORT, STORAGE_PUBLIC_PREFIXES: "shown/" };
    await line.run(["storage", "put", "-", "shown/a.txt"], env, "hello");
    const service = line.start(["serve"], env);
    await service.ready(`http://127.0.0.1:${PORT}`);
    const { stdout, stderr } = await line.run(["storage", "url", "shown/a.txt", "--public"], env);
    expect(stderr).toBe("");
    expect(await (await fetch(stdout.trim())).text()).toBe("hello");
    expect((await line.run(["storage", "url", "a.txt", "--public"], env)).code).toBe(2);
    await service.stop();
  });
});

describe("a wrong command line", () => {
  const line = new CommandLine();
  afterAll(() => line.dispose());

  it.each([
    [["storage", "ls", "--limit", "none"], /Expected a whole number from 1/],
    [["storage", "url", "k", "--expires-in", "9999999"], /Expected a whole number from 1 to 604800/],
    [["serve", "--port", "x"], /Expected a port from 1 to 65535/],
    [
      ["storage", "copy", "--from", "local:.", "--to", "memory:", "--concurrency", "0"],
      /--concurrency: expected 1 to 256/,
    ],
    [["storage", "lst"], /unknown command 'lst'/],
    [["storage", "cat"], /missing required argument 'key'/],
    [["storage", "cat", "a", "--range", "9-1"], /Expected bytes like 0-1023/],
    [["storage", "put", "-"], /give the key of what comes from stdin/],
    [["storage", "put", "none.txt"], /no such file.*none\.txt/],
    [["storage", "put", "."], /'\.' is no file/],
    [["storage", "put", "-", "k", "--meta", "nothing"], /Expected name=value/],
    [
      ["storage", "url", "a", "--put", "a/b", "--public", "--download", "--filename", "c"],
      /--download, --filename, --public cannot be used with --put/,
    ],
    [["storage", "rm"], /missing required argument 'key'/],
    [["storage", "stat", "a", "--jsno"], /unknown option '--jsno'/],
    [["storage", "url", "k", "--put", "nonsense"], /contentType is not a media type/],
    [["storage", "put", "/etc/hostname", "k", "--meta", "Bad Name=1"], /metadata name "bad name"/],
    [["storage", "cat", "a b"], /key/],
    [["storage", "rm", ""], /key/],
    [["init", "Shop!", "--no-install"], /<folder>: 'Shop!' is no name/],
  ])("%j ends with 2", async (args, message) => {
    const { code, stdout, stderr } = await line.run(args);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringMatching(message)]);
  });

  it.each(["ls", "cat", "put", "get", "rm", "stat", "url"])(
    "storage %s --help teaches with an example",
    async (verb) => {
      const { code, stdout } = await line.run(["storage", verb, "--help"]);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(new RegExp(`Examples:\\n  \\$ .*svc-infra storage ${verb}[ \\n]`)),
      ]);
    },
  );
});
