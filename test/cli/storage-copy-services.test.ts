import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cloudinary, gcs, type ServedBackend } from "../acceptance/served-backends.js";
import { storageOn } from "../storage/local/fresh-store.js";
import { expectSame, fill } from "../storage/transfer/ends.js";
import { CommandLine } from "./command-line.js";
import { summaryOf } from "./copying.js";

const count = 40;
let cli: CommandLine;

beforeEach(() => {
  cli = new CommandLine();
});
afterEach(() => cli.dispose());

const services: readonly (readonly [string, ServedBackend])[] = [
  ["gcs", gcs],
  ["cloudinary", cloudinary],
];

it.each(services)("objects come to %s and back as they were, and not twice", async (type, backend) => {
  const { env, stop } = await backend.start();
  const copy = (from: string, to: string) =>
    cli.run(["storage", "copy", "--from", from, "--to", to], { ...env });
  const source = storageOn(join(cli.folder, "from"));
  await fill(source, count);
  expect(summaryOf(await copy("local:from", `${type}:`))).toEqual({ copied: count, there: 0, failed: 0 });
  expect(summaryOf(await copy("local:from", `${type}:`))).toEqual({ copied: 0, there: count, failed: 0 });
  expect(summaryOf(await copy(`${type}:`, "local:back"))).toEqual({ copied: count, there: 0, failed: 0 });
  await expectSame(source, storageOn(join(cli.folder, "back")));
  await stop();
});
