import { afterAll, describe, expect, it } from "vitest";
import { local } from "../acceptance/served-backends.js";
import { CommandLine } from "./command-line.js";
import { describeStorageFiles } from "./storage-files.js";

describeStorageFiles(local);

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
