import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunningBackend, ServedBackend } from "../acceptance/served-backends.js";
import { CommandLine, freePort, type Outcome } from "./command-line.js";

const main = resolve("dist/cli/main.js");

/** What the commands of the storage must do, whatever holds the files. */
export function describeStorageFiles({ type, start }: ServedBackend): void {
  let backend: RunningBackend;
  let env: Record<string, string>;
  let line: CommandLine;
  const run = (args: string, input?: string | Uint8Array) =>
    line.run(["storage", ...args.split(" ")], env, input);

  /** A command in a shell, and the exit codes of both ends of its pipe. */
  async function pipe(args: string, reader: string) {
    const script = `"$NODE" "$MAIN" storage ${args} | ${reader}; echo "codes \${PIPESTATUS[*]}"`;
    const given = { PATH: process.env.PATH ?? "", NODE: process.execPath, MAIN: main, ...env };
    return promisify(execFile)("bash", ["--norc", "-c", script], { cwd: line.folder, env: given });
  }

  describe(`storage, on ${type}`, () => {
    beforeAll(async () => {
      backend = await start();
      env = { ...backend.env, STORAGE_BACKEND: type, STORAGE_MAX_UPLOAD_BYTES: "1000000000" };
      line = new CommandLine();
      writeFileSync(join(line.folder, "report 1.txt"), "hello");
    });

    afterAll(async () => {
      line?.dispose();
      await backend?.stop();
    });

    it("put stores a file, stat tells it, cat and get give it back", async () => {
      const put = await line.run(
        ["storage", "put", "report 1.txt", "r/1.txt", "--meta", "by=anna", "--json"],
        env,
      );
      expect(JSON.parse(put.stdout)).toMatchObject({
        key: "r/1.txt",
        size: 5,
        filename: "report 1.txt",
        metadata: { by: "anna" },
      });
      const stat = await run("stat r/1.txt");
      expect(stat.stdout).toMatch(/^size +5$/m);
      expect(stat.stdout).toMatch(/^meta.by +anna$/m);
      expect(JSON.parse((await run("stat r/1.txt --json")).stdout)).toMatchObject({
        size: 5,
        contentType: "text/plain; charset=utf-8",
      });
      expect(await run("cat r/1.txt")).toMatchObject({ code: 0, stdout: "hello", stderr: "" });
      expect((await run("cat r/1.txt --range 1-2")).stdout).toBe("el");
      expect((await run("get r/1.txt")).stdout).toBe("1.txt: 5 bytes\n");
      expect(readFileSync(join(line.folder, "1.txt"), "utf8")).toBe("hello");
      expect((await run("get r/1.txt -")).stdout).toBe("hello");
      expect(readdirSync(line.folder).filter((name) => name.endsWith(".part"))).toEqual([]);
    });

    it("get leaves a file alone that another program has under the name of its part", async () => {
      const script = 'echo mine > "p.txt.$$.part"; exec "$NODE" "$MAIN" storage get r/1.txt p.txt';
      const given = { PATH: process.env.PATH ?? "", NODE: process.execPath, MAIN: main, ...env };
      const ended = promisify(execFile)("bash", ["--norc", "-c", script], { cwd: line.folder, env: given });
      await expect(ended).rejects.toMatchObject({ stderr: expect.stringContaining("EEXIST") });
      const [part = ""] = readdirSync(line.folder).filter((name) => name.endsWith(".part"));
      expect(readFileSync(join(line.folder, part), "utf8")).toBe("mine\n");
      rmSync(join(line.folder, part));
    });

    it("put without a key makes a safe one of the file's name", async () => {
      expect((await line.run(["storage", "put", "report 1.txt"], env)).stdout).toMatch(
        /^report-1\.txt: 5 bytes/,
      );
    });

    it("put reads stdin as it comes, and holds no whole file", async () => {
      const command = line.start(["storage", "put", "-", "big.bin", "--type", "application/x-big"], env);
      const piece = Buffer.alloc(1024 * 1024, 7);
      for (let sent = 0; sent < 300; sent += 1) {
        if (!command.stdin.write(piece)) await new Promise((resolve) => command.stdin.once("drain", resolve));
      }
      const highest = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${command.pid}/status`, "utf8"))?.[1];
      command.stdin.end();
      expect(await command.outcome).toMatchObject({
        code: 0,
        stdout: "big.bin: 314572800 bytes, application/x-big\n",
      });
      expect(Number(highest) / 1024).toBeLessThan(280);
    });

    it("a reader that has enough ends a command quietly", async () => {
      expect((await pipe("cat big.bin", "head -c 1 | wc -c")).stdout).toMatch(/^1\ncodes (?:0|141) 0/);
      const { stdout, stderr } = await pipe("ls", "head -1");
      expect([stdout, stderr]).toEqual([expect.stringMatching(/^big\.bin\ncodes (?:0|141) 0\n$/), ""]);
    });

    it("ls lists keys, folders, sizes and JSON", async () => {
      expect((await run("ls r/")).stdout).toBe("r/1.txt\n");
      expect((await run("ls --folders")).stdout.split("\n").sort()).toEqual([
        "",
        "big.bin",
        "r/",
        "report-1.txt",
      ]);
      expect((await run("ls r/ --long")).stdout).toMatch(/^ +5 {2}\d{4}-\d\d-\d\dT[\d:]{8}Z {2}r\/1\.txt\n$/);
      expect(JSON.parse((await run("ls --limit 1 --json")).stdout)).toMatchObject({
        key: "big.bin",
        size: 314_572_800,
      });
    });

    it("progress goes to stderr, and only where it is asked for", async () => {
      const asked = await run("get big.bin copy.bin --progress");
      expect([asked.code, asked.stdout]).toEqual([0, "copy.bin: 314572800 bytes\n"]);
      expect(asked.stderr).toMatch(/1 of 1 objects, 314\.6 MB of 314\.6 MB/);
      expect((await run("get big.bin copy.bin")).stderr).toBe("");
    });

    it("put tells its end once", async () => {
      const { stderr } = await run("put - once.txt --progress", "hello");
      expect(stderr).toMatch(/^1 objects, 5 bytes, .*\n$/);
      await run("rm once.txt");
    });

    it("rm deletes all that was named although the reader of its output leaves", async () => {
      for (const name of ["x/1", "x/2", "x/3"]) await run(`put - ${name}`, "1");
      expect((await pipe("rm x/1 x/2 x/3", "true")).stdout).toBe("codes 0 0\n");
      expect((await run("ls x/")).stdout).toBe("");
      expect((await pipe("rm x/1 x/2", "true")).stdout).toBe("codes 1 0\n");
    });

    it.each([
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const)("%s amid a get ends it and leaves neither a file nor a part of one", async (signal, code) => {
      const before = readdirSync(line.folder).sort();
      let outcome: Outcome | undefined;
      // One that was done before the signal came tells nothing.
      while (outcome?.code !== code) {
        rmSync(join(line.folder, "cut.bin"), { force: true });
        const command = line.start(["storage", "get", "big.bin", "cut.bin"], env);
        await vi.waitUntil(() => readdirSync(line.folder).some((name) => name.startsWith("cut.bin")), {
          timeout: 30_000,
          interval: 2,
        });
        outcome = await command.stop(signal);
        expect(outcome.code).toBeOneOf([0, code]);
      }
      expect(outcome).toMatchObject({ stdout: "", stderr: "Interrupted.\n" });
      expect(readdirSync(line.folder).sort()).toEqual(before);
    });

    it("Ctrl-C amid a put ends it, and nothing of the object is there", async () => {
      const command = line.start(["storage", "put", "-", "cut.bin", "--type", "application/x-big"], env);
      const piece = Buffer.alloc(1024 * 1024, 7);
      for (let sent = 0; sent < 12; sent += 1) {
        if (!command.stdin.write(piece)) await new Promise((resolve) => command.stdin.once("drain", resolve));
      }
      command.stdin.on("error", () => undefined);
      expect(await command.stop("SIGINT")).toEqual({ code: 130, stdout: "", stderr: "Interrupted.\n" });
      expect((await run("ls cut.bin")).stdout).toBe("");
      expect((await run("stat cut.bin")).code).toBe(1);
    });

    it("a refused put leaves nothing, and get of nothing no file", async () => {
      const again = await run("put - r/1.txt --if-absent", "other");
      expect([again.code, again.stdout]).toEqual([1, ""]);
      expect((await run("cat r/1.txt")).stdout).toBe("hello");
      const missing = await run("get none.txt");
      expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("no such object")]);
      const before = readdirSync(line.folder).sort();
      expect((await run("get r/1.txt no/such/folder/x")).code).toBe(1);
      expect(readdirSync(line.folder).sort()).toEqual(before);
    });

    it("url prints one that can be used", async () => {
      const { stdout, code } = await run("url r/1.txt --expires-in 60 --download");
      expect([code, new URL(stdout.trim()).pathname]).toEqual([0, expect.stringMatching(/\/r\/1\.txt$/)]);
      expect((await run("url r/1.txt --json")).stdout).toContain('"url":"http');
    });

    it("url prints one that a client fetches while serve runs, and get --json what was saved", async () => {
      const PORT = String(await freePort());
      const service = line.start(["serve"], { ...env, PORT });
      await service.ready(`http://127.0.0.1:${PORT}`);
      const { stdout } = await line.run(["storage", "url", "r/1.txt"], { ...env, PORT });
      expect(await (await fetch(stdout.trim())).text()).toBe("hello");
      await service.stop();
      const got = await run("get r/1.txt got.txt --json");
      expect(JSON.parse(got.stdout)).toMatchObject({ key: "r/1.txt", size: 5 });
      expect(readFileSync(join(line.folder, "got.txt"), "utf8")).toBe("hello");
    });

    it("rm deletes, and ends with 1 for what was not there", async () => {
      expect(await run("rm r/1.txt")).toMatchObject({ code: 0, stdout: "r/1.txt: deleted\n" });
      expect(await run("rm r/1.txt")).toMatchObject({ code: 1, stdout: "r/1.txt: no such object\n" });
      await run("put - d/1.txt", "1");
      await run("put - d/2.txt", "2");
      expect((await run("rm --recursive d --json")).stdout).toBe('{"key":"d","deleted":2}\n');
      expect((await run("ls d/")).stdout).toBe("");
    });
  });
}
