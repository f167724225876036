import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { type Capabilities, Storage } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, afterEach, beforeEach, expect, it } from "vitest";
import { startCeph } from "../rigs/ceph.js";
import { s3Options } from "../rigs/s3-options.js";
import { storageOn } from "../storage/local/fresh-store.js";
import { contentsOf, expectSame, fill, journalFile, run, WatchedBackend } from "../storage/transfer/ends.js";
import { CommandLine } from "./command-line.js";
import { copiedObjects, copyWithKills, summaryOf } from "./copying.js";

const rig = await startCeph();
afterAll(() => rig.stop());

const credentials = { STORAGE_S3_ACCESS_KEY: rig.accessKey, STORAGE_S3_SECRET_KEY: rig.secretKey };
const service = `endpoint=${rig.endpoint}&provider=ceph`;
let cli: CommandLine;

beforeEach(() => {
  cli = new CommandLine();
});
// Many files take their time to go, too.
afterEach(() => cli.dispose(), 300_000);

function bucketStorage(bucket: string): Storage<Capabilities> {
  return new Storage<Capabilities>(new S3Backend({ ...s3Options(rig), bucket }));
}

const start = (from: string, to: string, ...more: readonly string[]) =>
  cli.start(["storage", "copy", "--from", from, "--to", to, "--journal", "journal", ...more], credentials);
const journal = () => join(cli.folder, "journal");

it(`${copiedObjects} objects come from local to Ceph and back, killed twice each way, and are the same to the last byte and pair`, {
  timeout: 120_000 + copiedObjects * 60,
}, async () => {
  await rig.createBucket("moved");
  const source = storageOn(join(cli.folder, "from"));
  await fill(source, copiedObjects);
  const bucket = bucketStorage("moved");
  await copyWithKills(cli, journal(), () => start("local:from", `s3://moved/below/here?${service}`));
  const moved = await contentsOf(bucket);
  const expected = [...(await contentsOf(source))].map(([key, content]) => [`below/here/${key}`, content]);
  expect([...moved]).toEqual(expected);
  await bucket.close();
  const back = () =>
    start(
      `s3://moved/below/here?${service}`,
      "local:back",
      "--journal",
      "journal-back",
      "--concurrency",
      "4",
    );
  await copyWithKills(cli, join(cli.folder, "journal-back"), back);
  await expectSame(source, storageOn(join(cli.folder, "back")));
});

it("a large object goes in parts and keeps its checksum both ways", async () => {
  await rig.createBucket("large");
  const source = storageOn(join(cli.folder, "from"));
  const { checksum } = await source.put("film.bin", Buffer.alloc(40_000_000, "frame "), {
    filename: "フィルム.bin",
  });
  const url = `s3://large?${service}`;
  expect(summaryOf(await start("local:from", url, "--verify").outcome)).toMatchObject({
    copied: 1,
    failed: 0,
  });
  const bucket = bucketStorage("large");
  expect((await bucket.getMetadata("film.bin")).checksum).toBe(checksum);
  await bucket.close();
  const outcome = await start(url, "local:back", "--journal", "journal-back", "--verify").outcome;
  expect(summaryOf(outcome)).toMatchObject({ copied: 1, failed: 0 });
  await expectSame(source, storageOn(join(cli.folder, "back")));
});

it("what is noted is not asked again: a later run lists, and does nothing else", async () => {
  await rig.createBucket("again");
  const [from, to] = [
    new WatchedBackend(),
    new WatchedBackend(new S3Backend({ ...s3Options(rig), bucket: "again" })),
  ];
  const [source, target] = [new Storage<Capabilities>(from), new Storage<Capabilities>(to)];
  await fill(source, 60);
  const path = journalFile();
  await run({ source, target, path });
  // A time without milliseconds, which one object in a thousand has, is trusted when it is two seconds old.
  await after(2100);
  // What was noted in the last seconds before the end is looked at once more, and is then settled.
  await run({ source, target, path });
  from.forget();
  to.forget();
  expect(await run({ source, target, path })).toMatchObject({ copied: 0, unchanged: 60 });
  expect(new Set([...from.calls, ...to.calls].map(({ verb }) => verb))).toEqual(new Set(["list"]));
  await target.close();
});

it("wrong credentials of one side are told with that side and its variables", async () => {
  await rig.createBucket("closed");
  const source = storageOn(join(cli.folder, "from"));
  await source.put("k", "x");
  const env = { ...credentials, STORAGE_TO_S3_SECRET_KEY: "wrongsecretkey0123456789" };
  const args = ["storage", "copy", "--from", "local:from", "--to", `s3://closed?${service}`];
  const { code, stderr } = await cli.run(args, env);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/--to s3:\/\/closed cannot be used:\n.*STORAGE_S3_/),
  ]);
  expect(stderr).not.toMatch(/\n\s+at |wrongsecretkey/);
});

it("two buckets of one service may have keys of their own, and a bucket that is missing is named", async () => {
  await rig.createBucket("one");
  const bucket = bucketStorage("one");
  await fill(bucket, 5);
  const env = {
    STORAGE_FROM_S3_ACCESS_KEY: rig.accessKey,
    STORAGE_FROM_S3_SECRET_KEY: rig.secretKey,
    AWS_SESSION_TOKEN: "of-other-keys",
    STORAGE_S3_ENDPOINT: rig.endpoint,
    STORAGE_S3_PROVIDER: "ceph",
    STORAGE_TO_BASE_PATH: "to",
  };
  expect(
    summaryOf(await cli.run(["storage", "copy", "--from", "s3://one", "--to", "local:"], env)).copied,
  ).toBe(5);
  await expectSame(bucket, storageOn(join(cli.folder, "to")));
  const none = await cli.run(["storage", "copy", "--from", "s3://none", "--to", "local:"], env);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("STORAGE_S3_BUCKET")]);
  await bucket.close();
});
