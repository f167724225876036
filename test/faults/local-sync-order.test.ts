import { execFileSync, spawnSync } from "node:child_process";
import { readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { freshFolder } from "../storage/local/fresh-store.js";

const program = fileURLToPath(new URL("./local-traced-put.js", import.meta.url));

beforeAll(() => {
  if (spawnSync("strace", ["-V"]).status === 0) return;
  if (process.getuid?.() !== 0) throw new Error("install strace, which this suite reads system calls with");
  execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "strace"], { stdio: "ignore" });
});

/** System calls of the program as lines, the descriptors with their paths, the base path as `BASE`. */
async function trace(durability: string): Promise<string[]> {
  const base = await realpath(await freshFolder());
  const output = join(base, "trace");
  const calls = "trace=fsync,fdatasync,rename,renameat,renameat2,link,unlink,mkdir,write,openat";
  execFileSync("strace", [
    "-f",
    "-y",
    "-s",
    "64",
    "-e",
    calls,
    "-o",
    output,
    process.execPath,
    program,
    base,
    durability,
  ]);
  const text = (await readFile(output, "utf8")).replaceAll(base, "BASE");
  return inOrder(withRealPaths(text.split("\n"))).filter(
    (line) => (line.includes("BASE") || line.includes("acknowledged")) && !line.includes("openat("),
  );
}

/** Files are named below descriptors of their folders, as `openat` would do it: each is shown by the path of the folder. */
function withRealPaths(lines: readonly string[]): string[] {
  const folders = new Map<string, string>();
  return lines.map((line) => {
    const [, fd = "", path = ""] = /(?:openat\(.*|openat resumed>.*) = (\d+)<([^>]+)>$/.exec(line) ?? [];
    if (path !== "") folders.set(fd, path);
    return line.replace(/\/proc\/\d+\/fd\/(\d+)/g, (name, number) => folders.get(number) ?? name);
  });
}

/** Threads overlap: a sync counts from its end, every other call from its beginning. */
function inOrder(lines: readonly string[]): string[] {
  const unfinished = new Map<string, string>();
  return lines.flatMap((line) => {
    const [thread = ""] = line.split(" ", 1);
    const isSync = /f(data)?sync\(|<\.\.\. f(data)?sync resumed>/.test(line);
    if (isSync && line.endsWith("<unfinished ...>")) unfinished.set(thread, line);
    else if (isSync && line.includes(" resumed>")) return unfinished.get(thread) ?? line;
    else return line;
    return [];
  });
}

/** Where a call of this form is, looking from `from`. */
function find(lines: readonly string[], form: RegExp, from = 0): number {
  const index = lines.findIndex((line, at) => at >= from && form.test(line));
  expect(index, `no ${form} behind line ${from} of\n${lines.join("\n")}`).not.toBe(-1);
  return index;
}

/** Every one of the forms occurs, in this order. */
function expectOrder(lines: readonly string[], forms: readonly RegExp[]): void {
  let at = 0;
  for (const form of forms) at = find(lines, form, at) + 1;
}

describe("the order of system calls", () => {
  it("syncs the body and its record before the rename, and the folders before the acknowledgement", async () => {
    const lines = await trace("full");
    for (const [key, name] of [
      ["new/folder/small", "small"],
      ["new/large", "large"],
    ] as const) {
      const folder = key.slice(0, key.lastIndexOf("/"));
      const pending = key.replaceAll("/", "~");
      expectOrder(lines, [
        new RegExp(`mkdir\\("BASE/${folder.split("/")[0]}"`),
        name === "small" ? /fsync\(\d+<BASE>/ : /mkdir/,
      ]);
      const renamed = new RegExp(`rename\\("BASE/.svc-infra/tmp/[^"]+", "BASE/${key}"`);
      const start = name === "small" ? 0 : find(lines, /acknowledged small/);
      const before = lines.slice(start, find(lines, renamed));
      // These three are under way at once.
      find(before, new RegExp(`fdatasync\\(\\d+<BASE/.svc-infra/pending/${pending}>`));
      find(before, /fsync\(\d+<BASE\/.svc-infra\/pending>/);
      find(before, /fsync\(\d+<BASE\/.svc-infra\/tmp\//);
      expectOrder(lines, [
        renamed,
        new RegExp(`fsync\\(\\d+<BASE/${folder}>`),
        new RegExp(`rename\\("BASE/.svc-infra/pending/${pending}", "BASE/.svc-infra/meta/${key}.meta.json"`),
        new RegExp(`acknowledged ${name}`),
      ]);
    }
    expectOrder(lines, [/fsync\(\d+<BASE\/new>/, /acknowledged small/]);
    expectOrder(lines, [/mkdir\("BASE\/.svc-infra"/, /fsync\(\d+<BASE>/, /acknowledged small/]);
    expectOrder(lines, [
      /mkdir\("BASE\/.svc-infra\/meta"/,
      /fsync\(\d+<BASE\/.svc-infra>/,
      /acknowledged small/,
    ]);
  });

  it("syncs the folder of a removed object before the acknowledgement", async () => {
    const lines = await trace("full");
    expectOrder(lines, [
      /acknowledged large/,
      /unlink\("BASE\/new\/folder\/small"/,
      /fsync\(\d+<BASE\/new\/folder>/,
      /unlink\("BASE\/.svc-infra\/meta\/new\/folder\/small.meta.json"/,
      /acknowledged removal/,
    ]);
  });

  it("is the same without syncs when durability is turned down", async () => {
    const lines = await trace("fast");
    expect(lines.filter((line) => /f(data)?sync\(/.test(line))).toEqual([]);
    expectOrder(lines, [
      /rename\("BASE\/.svc-infra\/tmp\//,
      /rename\("BASE\/.svc-infra\/pending\//,
      /acknowledged/,
    ]);
  });
});
