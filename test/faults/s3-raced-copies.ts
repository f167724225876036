import { parseKey, Storage } from "svc-infra/storage";
import { S3Backend } from "svc-infra/storage/s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyObject } from "#dist/storage/backends/s3/copy.js";
import { openAccess } from "#dist/storage/backends/s3/options.js";
import { s3Options } from "../rigs/s3-options.js";
import type { S3Rig } from "../rigs/s3-rig.js";

/** How often a copy is raced; more than the few of every day by RACE_ROUNDS. */
const rounds = Number(process.env.RACE_ROUNDS ?? 20);
const mebibyte = 1024 * 1024;
/** Failures that leave the target as it was: the source was replaced too often, or is not shown while it is. */
const leavesTarget = /^(?:precondition_failed|unavailable|not_found) /;

/**
 * Copies whose source is replaced meanwhile, by another connection.
 *
 * @param inParts - whether the service takes copies of parts under a condition.
 * @param refused - code, message and cause of failures that leave the target as it was.
 */
export function racedCopies(
  name: string,
  inParts: boolean,
  start: () => Promise<S3Rig>,
  refused = leavesTarget,
): void {
  describe(`copies on ${name}`, () => {
    let rig: S3Rig;
    let storage: Storage;
    let other: Storage;

    beforeAll(async () => {
      rig = await start();
      storage = new Storage(new S3Backend(s3Options(rig)));
      other = new Storage(new S3Backend(s3Options(rig)));
    }, 180_000);

    afterAll(async () => {
      await storage?.close();
      await other?.close();
      await rig?.stop();
    });

    /** @returns whether there was a copy. What there is, is whole: `get` compares it with its checksum. */
    async function race(
      key: string,
      size: number,
      copy: (from: string, to: string) => Promise<unknown>,
    ): Promise<boolean> {
      const content = (writer: string) => Buffer.alloc(size, `${writer} of ${key}.`);
      await storage.put(key, content("first"));
      const overwrite = async () => {
        for (let turn = 0; turn < 3; turn++) await other.put(key, content(`next ${turn}`));
      };
      const [copied] = await Promise.all([
        copy(key, `copy-of-${key}`).catch((error: unknown) => error),
        overwrite(),
      ]);
      if (!(copied instanceof Error)) {
        const found = Buffer.from(await storage.get(`copy-of-${key}`));
        const possible = ["first", "next 0", "next 1", "next 2"].map(content);
        expect(possible.some((each) => each.equals(found))).toBe(true);
        return true;
      }
      const code = Object(copied).code ?? other.backend.classify(copied).code;
      expect(`${code} ${copied.message} ${copied.cause ?? ""}`).toMatch(refused);
      return false;
    }

    it.each([
      ["64 bytes", 64],
      ["600,000 bytes", 600_000],
    ])(
      "are of one version, of %s",
      async (_name, size) => {
        let copied = 0;
        for (let round = 0; round < rounds; round++) {
          if (await race(`${size}-${round}`, size, (from, to) => storage.copy(from, to))) copied += 1;
        }
        expect(copied).toBeGreaterThan(rounds / 2);
      },
      600_000,
    );

    it.runIf(inParts)(
      "are of one version, in parts",
      async () => {
        const access = openAccess(s3Options(rig));
        const options = { ifAbsent: false, ifMatch: undefined, sourceIfMatch: undefined, signal: undefined };
        const content = (writer: number) => Buffer.alloc(11 * mebibyte, `${writer} of parts.`);
        let writes = 0;
        /** The source is replaced twice, each time when the first of three parts has been copied. */
        const send: typeof access.client.send = async (request) => {
          const answer = await access.client.send(request);
          const isPart = request.headers?.["x-amz-copy-source-range"]?.startsWith("bytes=0-") === true;
          if (isPart && writes < 2) await other.put("parts", content(++writes));
          return answer;
        };
        const client = new Proxy(access.client, {
          get: (target, name) => (name === "send" ? send : Reflect.get(target, name)),
        });
        const small = { ...access, client, copiedAtOnceBytes: mebibyte, copiedPartBytes: 5 * mebibyte };
        await storage.put("parts", content(0));
        const copy = { ...options, description: undefined };
        await copyObject(small, parseKey("parts"), parseKey("copy-of-parts"), copy);
        expect(writes).toBe(2);
        expect(Buffer.from(await storage.get("copy-of-parts")).equals(content(2))).toBe(true);
      },
      120_000,
    );
  });
}
