import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storageOn } from "../storage/local/fresh-store.js";
import { expectSame, fill } from "../storage/transfer/ends.js";
import { CommandLine } from "./command-line.js";
import { copiedObjects, copyWithKills, noted } from "./copying.js";

const largeFileMib = Number(process.env.LARGE_FILE_MIB ?? 256);

let cli: CommandLine;
let base: Record<"from" | "to", string>;

beforeEach(() => {
  cli = new CommandLine();
  base = { from: join(cli.folder, "from"), to: join(cli.folder, "to") };
});
// Many files take their time to go, too.
afterEach(() => cli.dispose(), 300_000);

const args = (...more: readonly string[]) => [
  "storage",
  "copy",
  "--from",
  "local:from",
  "--to",
  "local:to",
  ...more,
];
const copy = (...more: readonly string[]) => cli.run(args(...more));

/** The storages of both ends, to look at from outside. */
const ends = () => ({ source: storageOn(base.from), target: storageOn(base.to) });

async function fillSource(count: number): Promise<void> {
  const source = storageOn(base.from);
  await fill(source, count);
  await source.close();
}

/** Changes the bytes of a file as a bad disk does: neither its size nor its time tell. */
function damage(path: string): void {
  const { mtimeMs, size } = statSync(path);
  writeFileSync(path, Buffer.alloc(size, 0xff));
  // The backend looks at microseconds, and what is handed on as a fraction is rounded down.
  const seconds = (Math.round(mtimeMs * 1000) + 0.3) / 1_000_000;
  utimesSync(path, seconds, seconds);
}

describe("storage copy", () => {
  it("copies every object as it is and says so in numbers", async () => {
    await fillSource(40);
    const { code, stdout, stderr } = await copy();
    expect(stdout).toMatch(
      /^40 copied \(3013209 bytes\), 0 already there \(0 bytes\), 0 failed, 0 left out, in [\d.]+ s$/m,
    );
    expect(stdout).toContain("✓ All 40 are at local:to.");
    expect(stdout + stderr).not.toContain("\u001b");
    expect(code).toBe(0);
    const { source, target } = ends();
    await expectSame(source, target);
  });

  it("leaves alone what is there, with its journal and without", async () => {
    await fillSource(10);
    await copy();
    const etags = async () =>
      (await Promise.all((await target.listKeys()).map((key) => target.getMetadata(key)))).map(
        ({ etag }) => etag,
      );
    const { target } = ends();
    const before = await etags();
    expect((await copy()).stdout).toMatch(/^0 copied \(0 bytes\), 10 already there \(/m);
    const [journal = ""] = readdirSync(join(cli.folder, ".data/copy"));
    writeFileSync(join(cli.folder, ".data/copy", journal), "");
    expect((await copy()).stdout).toMatch(/^0 copied \(0 bytes\), 10 already there \(/m);
    expect(await etags()).toEqual(before);
  });

  it("keeps its journal for the owner alone, also one that was open to others", async () => {
    await fillSource(2);
    await copy();
    const journal = join(cli.folder, ".data/copy", readdirSync(join(cli.folder, ".data/copy"))[0] ?? "");
    expect(statSync(journal).mode & 0o777).toBe(0o600);
    chmodSync(journal, 0o644);
    await copy();
    expect(statSync(journal).mode & 0o777).toBe(0o600);
  });

  it("names what it leaves out because its name is no key, and does not end with 0", async () => {
    await fillSource(2);
    mkdirSync(join(base.from, "old folder"));
    for (const name of ["two words.txt", "naïve.txt", "old folder/in.txt"])
      writeFileSync(join(base.from, name), "x");
    const { code, stdout } = await copy();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^2 copied .* 3 left out/m);
    for (const name of ["two words.txt", "naïve.txt", "old folder/in.txt"]) expect(stdout).toContain(name);
    expect(stdout).toContain("3 of the source are not at local:to");
    expect((await copy("--prefix", "o")).code).toBe(1);
    expect((await copy("--prefix", "z")).code).toBe(0);
  });

  it("knows the names of a folder that was begun on a file system that ignores case", async () => {
    mkdirSync(join(base.from, ".svc-infra"), { recursive: true });
    writeFileSync(join(base.from, ".svc-infra/unfolded"), "");
    const { source, target } = ends();
    for (const key of ["Photos/IMG_1.JPG", "Photos/img_1.jpg", "b"]) await source.put(key, key);
    const all = await copy();
    expect([all.code, all.stdout]).toEqual([0, expect.stringContaining("✓ All 3 are at local:to.")]);
    await expectSame(source, target);
    const part = ["storage", "copy", "--from", "local:from?root=Photos", "--to", "local:part", "--dry-run"];
    expect(await cli.run(part)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^2 would be copied/m),
    });
    writeFileSync(join(base.from, "+photos/+o+l+d 2.jpg"), "x");
    writeFileSync(join(base.from, "ends."), "x");
    const { code, stdout } = await copy();
    expect([code, stdout]).toEqual([1, expect.stringMatching(/"Photos\/OLD 2\.jpg".*"ends\."/s)]);
    expect((await copy("--prefix", "Photos/O")).stdout).toContain(" 1 left out");
  });

  it("in a dry run says what it would copy and makes nothing", async () => {
    await fillSource(3);
    const { code, stdout } = await copy("--dry-run");
    expect(stdout).toContain("would copy t/2/file-2.bin (34 bytes)");
    expect(stdout).toMatch(/^3 would be copied \(51 bytes\), 0 already there \(0 bytes\), 0 failed/m);
    expect(code).toBe(0);
    expect(readdirSync(cli.folder)).toEqual(["from"]);
  });

  it("gives its summary as JSON, and nothing else on its output", async () => {
    await fillSource(4);
    const { stdout } = await copy("--json", "--prefix", "t/3/");
    expect(JSON.parse(stdout)).toMatchObject({
      from: "local:from",
      copied: 1,
      copiedBytes: 3_000_000,
      alreadyThere: 0,
      failed: 0,
      isComplete: true,
      failures: [],
    });
  });

  it("reads everything back when it shall, and repairs what is damaged there", async () => {
    await fillSource(6);
    await copy();
    const path = join(base.to, "t/5/file-5.bin");
    damage(path);
    expect((await copy()).stdout).toContain("6 already there");
    const { code, stdout } = await copy("--verify");
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^1 copied \(85 bytes\), 5 already there/)]);
    const { source, target } = ends();
    await expectSame(source, target);
  });

  it("takes files that were put into a folder by hand", async () => {
    mkdirSync(base.from);
    writeFileSync(join(base.from, "a.json"), "{}");
    expect((await copy()).stdout).toContain("1 copied (2 bytes)");
    expect((await copy()).stdout).toContain("1 already there (2 bytes)");
    expect((await ends().target.getMetadata("a.json")).contentType).toBe("application/json");
  });

  it("needs no signing secret in production and makes none", async () => {
    await fillSource(2);
    const { code } = await cli.run(args(), { APP_ENV: "prod" });
    expect(code).toBe(0);
    expect(readdirSync(join(base.to, ".svc-infra"))).not.toContain("secret");
  });

  it(`copies ${largeFileMib} MiB in memory that does not grow with them`, async () => {
    const report = 'process.on("exit",()=>console.error("RSS="+process.resourceUsage().maxRSS))';
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}` };
    const residentKib = async () => Number(/RSS=(\d+)/.exec((await cli.run(args(), env)).stderr)?.[1]);
    await fillSource(2);
    const before = await residentKib();
    const path = join(base.from, "large.bin");
    writeFileSync(path, "");
    truncateSync(path, largeFileMib * 1024 * 1024);
    const grownMib = ((await residentKib()) - before) / 1024;
    expect(statSync(join(base.to, "large.bin")).size).toBe(largeFileMib * 1024 * 1024);
    expect(grownMib).toBeLessThan(96);
  });
});

describe("failures", () => {
  it("are told one a line with their code, keep nothing else from being copied, and end with 1", async () => {
    await fillSource(4);
    const { source, target } = ends();
    await source.put("conflict", "x");
    await target.put("conflict/below", "x");
    const path = join(base.from, "t/2/file-2.bin");
    damage(path);
    const { code, stdout } = await copy();
    expect(stdout).toMatch(/^✗ conflict: key_conflict: .*'conflict\/below'/m);
    expect(stdout).toMatch(/^✗ t\/2\/file-2\.bin: corrupt: .*crc32:/m);
    expect(stdout).toMatch(/^3 copied \(\d+ bytes\), 0 already there \(0 bytes\), 2 failed, 0 left out, in/m);
    expect(stdout).toContain("run the same command again");
    expect(code).toBe(1);
    expect((await copy()).stdout).toMatch(/^0 copied .* 3 already there .* 2 failed/m);
  });

  it("of the target as a whole are told without a stack", async () => {
    await fillSource(1);
    writeFileSync(base.to, "not a folder");
    const { code, stderr } = await copy();
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/--to local:to cannot be used:\n.*STORAGE_BASE_PATH/),
    ]);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

describe("killed", { timeout: 60_000 + copiedObjects * 30 }, () => {
  it(`twice amid ${copiedObjects} objects, it goes on where it was and ends identical`, async () => {
    await fillSource(copiedObjects);
    const start = () => cli.start(args("--concurrency", "2", "--journal", "journal"));
    await copyWithKills(cli, join(cli.folder, "journal"), start);
    const { source, target } = ends();
    await expectSame(source, target);
  });

  it("and with both ends changed meanwhile, it trusts no journal", async () => {
    await fillSource(200);
    const running = cli.start(args("--concurrency", "2"));
    await noted(cli, 150, running);
    await running.stop("SIGKILL");
    const { source, target } = ends();
    const [first = "", second = "", third = "", fourth = ""] = await target.listKeys();
    const sizeOf = async (key: string) => (await source.getMetadata(key)).size;
    await source.put(first, Buffer.alloc(await sizeOf(first), 0xee));
    await target.put(second, Buffer.alloc(await sizeOf(second), 0xdd));
    await target.delete(third);
    await source.put(fourth, await source.get(fourth), { metadata: { changed: "only here" } });
    await source.put("a-new-one", "x");
    expect((await copy()).code).toBe(0);
    await expectSame(source, target);
  });
});

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s stops it with a summary that says how to go on",
  async (signal) => {
    await fillSource(300);
    const running = cli.start(args("--concurrency", "1"));
    await noted(cli, 20, running);
    const { code, stdout, stderr } = await running.stop(signal);
    expect(code).toBe(signal === "SIGINT" ? 130 : 143);
    const [, copied = 0] = (
      /^(\d+) copied \(\d+ bytes\), 0 already there \(0 bytes\), 0 failed/m.exec(stdout) ?? []
    ).map(Number);
    expect(copied).toBeGreaterThanOrEqual(20);
    expect(stdout).toContain("✗ The copy is not complete: run the same command again to go on");
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(join(base.to, ".svc-infra/tmp"))).toEqual([]);
    const { source, target } = ends();
    const there = (await target.listKeys({ limit: 1000 })).length;
    expect((await copy()).stdout).toContain(`${300 - there} copied`);
    await expectSame(source, target);
  },
);

describe("what is wrong is told before anything starts:", () => {
  beforeEach(() => mkdirSync(base.from));

  it.each([
    [["./from", "local:to"], /--from: expected local:/],
    [["ftp://from", "local:to"], /--from: expected local:.*s3:\/\/bucket/],
    [["local:nowhere", "local:to"], /--from: there is no folder '.*nowhere\/'/],
    [["local:from", "local:from"], /--to: is the same place/],
    [["local:from", "local:./from/"], /--to: is the same place/],
    [["local:from", "local:from/backup"], /--to: lies inside --from/],
    [["local:from", "local:."], /--to: holds --from/],
    [["local:from?root=a", "local:from?root=a/b"], /--to: lies inside --from/],
    [["local:from?durability=never", "local:to"], /--from \?durability=: expected full or fast/],
    [["local:from?durabilty=fast", "local:to"], /--from \?durabilty=: is not known/],
    [["memory:name", "local:to"], /--from: expected 'memory:'/],
    [["s3:", "local:to"], /STORAGE_S3_BUCKET: is not set/],
    [["local:from?root=..", "local:to"], /--from: .*holds '\.\.'/],
  ])("%j", async ([from = "", to = ""], message) => {
    const { code, stderr } = await cli.run(["storage", "copy", "--from", from, "--to", to]);
    const ofVariable = /STORAGE/.test(message.source);
    expect([code, stderr]).toEqual([ofVariable ? 1 : 2, expect.stringMatching(message)]);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(cli.folder)).toEqual(["from"]);
  });

  it("a target that is yet to be made lies inside --from by way of a link", async () => {
    symlinkSync(base.from, join(cli.folder, "link"));
    const { code, stderr } = await cli.run([
      "storage",
      "copy",
      "--from",
      "local:from",
      "--to",
      "local:link/new/to",
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--to: lies inside --from")]);
    expect(readdirSync(base.from)).toEqual([]);
  });

  it("everything at once", async () => {
    const args = ["--from", "local:nowhere", "--to", "s3://b?nothing=1", "--concurrency", "0"];
    const { stderr } = await cli.run(["storage", "copy", ...args]);
    for (const name of ["--from: ", "--to ?nothing=: ", "--concurrency: "]) expect(stderr).toContain(name);
  });

  it("a secret in a URL, without showing it", async () => {
    const { code, stderr } = await cli.run([
      "storage",
      "copy",
      "--from",
      "s3://b?secret-key=hunter2",
      "--to",
      "local:to",
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected in STORAGE_S3_SECRET_KEY")]);
    expect(stderr).not.toContain("hunter2");
  });

  it("a journal of another copy", async () => {
    await copy("--journal", "j");
    const { code, stderr } = await cli.run([
      "storage",
      "copy",
      "--from",
      "local:from",
      "--to",
      "local:else",
      "--journal",
      "j",
    ]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("journal of another copy")]);
  });
});

describe("the two sides", () => {
  it("may have variables of their own, which beat those for both", async () => {
    await fillSource(2);
    const env = { STORAGE_BASE_PATH: "wrong", STORAGE_FROM_BASE_PATH: "from", STORAGE_TO_BASE_PATH: "to" };
    const { code } = await cli.run(["storage", "copy", "--from", "local:", "--to", "local:"], env);
    expect(code).toBe(0);
    expect(existsSync(join(cli.folder, "wrong"))).toBe(false);
    const { source, target } = ends();
    await expectSame(source, target);
  });

  it("name a variable of their own when it is wrong", async () => {
    mkdirSync(base.from);
    const { stderr } = await cli.run(args(), { STORAGE_TO_DURABILITY: "never" });
    expect(stderr).toContain("STORAGE_TO_DURABILITY: expected full or fast");
  });

  it("may be parts of a storage", async () => {
    const { source } = ends();
    for (const key of ["t/1/a", "t/1/b", "t/10/a"]) await source.put(key, key, { metadata: { key } });
    await cli.run(["storage", "copy", "--from", "local:from?root=t/1", "--to", "local:from?root=moved/here"]);
    expect(await source.listKeys()).toEqual(["moved/here/a", "moved/here/b", "t/1/a", "t/1/b", "t/10/a"]);
    expect((await source.getMetadata("moved/here/a")).metadata).toEqual({ key: "t/1/a" });
  });
});
