import { type AddStorageOptions, getStorage } from "svc-infra";
import { type Prefix, Storage, type StorageBackend } from "svc-infra/storage";
import { clamav } from "svc-infra/storage/policy";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { stagingRoot } from "#dist/storage/contract/key.js";
import { type Answer, call, type Service, startService } from "../../acceptance/service.js";
import { startClamd } from "../../rigs/clamd.js";
import {
  expectedOf,
  type Fault,
  faults,
  type Given,
  gif,
  type ServiceState,
  wayInParts,
} from "./upload-faults.js";

/** Above 32 MiB an upload goes in parts: two whole ones and a small one. */
const minBytes = 32 * 1024 * 1024 + 1;
/** What is too large by itself is so with all of these bytes before it. */
const maxBytes = minBytes + 2000;
const sizeOf = (content: Buffer) => minBytes + content.byteLength;
const inEightDays = () => new Date(Date.now() + 8 * 86_400_000);

const preparedUpload = z.object({
  id: z.string(),
  url: z.null(),
  parts: z.array(
    z.object({
      method: z.string(),
      url: z.string(),
      headers: z.record(z.string(), z.string()),
      start: z.number(),
      end: z.number(),
    }),
  ),
});

type Limits = Pick<AddStorageOptions, "rateLimit" | "maxUploadBytes">;

/** What is wrong of a small file, of one that goes in parts: the type at its begin, a signature at its end. */
function enlarged(content: Buffer): Buffer<ArrayBuffer> {
  const large = Buffer.alloc(sizeOf(content), content);
  content.copy(large, large.byteLength - content.byteLength);
  return large;
}

function outcomeOf(answer: Answer): string {
  return answer.status < 300 ? "stored" : `${answer.status} ${answer.json().code}`;
}

/** Sends every fault of the table to a service itself, in parts. */
export function waysInParts(name: string, create: () => StorageBackend): void {
  describe(`${wayInParts}, to ${name}`, () => {
    let clamd: Awaited<ReturnType<typeof startClamd>>;
    let service: Service;
    const backend = create();
    const plain = new Storage(backend);
    /** Of the tenant whose client comes next. */
    let tenant = "acme";

    beforeAll(async () => {
      clamd = await startClamd();
    });

    afterAll(async () => {
      await plain.close();
      await clamd?.stop();
    });

    const start = async (socket: string, limits: Limits = {}) => {
      const policy = {
        maxBytes: { "image/*": maxBytes },
        types: ["image/*", "image/jpeg"],
        metadata: { names: ["a"] },
        scan: clamav({ socket, maxBytes: 2 * maxBytes }),
      };
      const authorize = () => ({ tenant, user: "7" });
      // The client sends to the provider, not to a file route.
      const places = { backend: create(), policy, serveFiles: false, authorize };
      service = await startService({ ...places, maxUploadBytes: 2 * maxBytes, ...limits });
    };

    const restart = async (socket: string, limits: Limits = {}) => {
      await service.close();
      await start(socket, limits);
    };

    beforeEach(async () => {
      tenant = "acme";
      await start(clamd.socket);
    });

    afterEach(async () => {
      await service.close();
      for (const key of await plain.listKeys()) await plain.delete(key);
    });

    const ask = (method: string, path: string, content?: object) => {
      const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(content) };
      return call(service.port, { method, path: `/_storage${path}`, ...(content === undefined ? {} : json) });
    };

    const prepare = ({ key = "k", content = gif, contentType = "image/gif", metadata, ...given }: Given) => {
      const { digest, size = content.byteLength } = given;
      const checksum = digest && `sha256:${Buffer.from(digest, "base64").toString("hex")}`;
      return ask("POST", "/uploads", { key, size: minBytes + size, contentType, metadata, checksum });
    };

    /** Sends the parts as a client does that was told of a length; the last part is all that is left. */
    const sendParts = async (answer: Answer, content: Buffer) => {
      const { id, parts } = preparedUpload.parse(answer.json());
      expect(parts).toHaveLength(3);
      const large = enlarged(content);
      const statuses = await Promise.all(
        parts.map(async ({ url, method, headers, start, end }, index) => {
          const body = large.subarray(start, index === parts.length - 1 ? undefined : end);
          return (await fetch(url, { method, headers, body })).status;
        }),
      );
      return { id, isSent: statuses.every((status) => status < 300) };
    };

    const complete = async (id: string) => outcomeOf(await ask("POST", `/uploads/${id}/complete`));

    const bring = async (given: Given): Promise<string> => {
      const answer = await prepare(given);
      if (answer.status !== 201) return outcomeOf(answer);
      const { id, isSent } = await sendParts(answer, given.content ?? gif);
      const told = await complete(id);
      // A service that signs lengths takes no part of another one; then the client lets the upload go.
      if (!isSent) await ask("DELETE", `/uploads/${id}`);
      return told;
    };

    const firstFile = async (): Promise<void> => {
      const headers = { "content-type": "image/gif" };
      const path = "/_storage/upload?key=first";
      expect((await call(service.port, { method: "POST", path, headers, body: gif })).status).toBe(200);
    };

    const outOf = async (limits: Limits) => {
      await restart(clamd.socket, limits);
      await firstFile();
    };

    const restarts: Readonly<Record<ServiceState, () => Promise<void>>> = {
      "scanner down": () => restart("/nowhere/clamd.sock"),
      "out of requests": () => outOf({ rateLimit: { uploads: 1 } }),
      "out of bytes": () =>
        outOf({
          rateLimit: { uploadBytes: gif.byteLength + sizeOf(gif) - 1 },
          maxUploadBytes: sizeOf(gif),
        }),
    };

    const stagedKeys = async () => {
      const page = { delimiter: undefined, cursor: undefined, limit: 100, details: false, signal: undefined };
      return (await backend.list({ ...page, prefix: stagingRoot as Prefix })).items.map(({ key }) => key);
    };

    /** Nothing but these keys is listed, staged, unfinished, or served to its own tenant. */
    const expectOnly = async (left: readonly string[]) => {
      expect(await stagedKeys()).toEqual([]);
      const parts: string[] = [];
      for await (const { key } of backend.unfinished({ signal: undefined })) parts.push(key);
      expect(parts).toEqual([]);
      expect(await plain.listKeys()).toEqual(left);
      for (const key of ["k", "other/k"].filter((each) => !left.includes(`acme/${each}`))) {
        const url = await getStorage(service.app).forTenant("acme").getUrl(key);
        expect((await fetch(url)).status).toBe(404);
      }
    };

    it("takes what the policy allows, and what it sent is stored", async () => {
      expect(await bring({ metadata: { a: "1" } })).toBe("stored");
      expect(enlarged(gif).equals(await plain.get("acme/k"))).toBe(true);
      await plain.sweep({ now: inEightDays() });
      await expectOnly(["acme/k"]);
    });

    const possible = Object.entries(faults).filter(([, { except }]) => except?.test(wayInParts) !== true);

    it.each<[string, Fault]>(possible)("refuses %s", async (_fault, fault) => {
      const { given, state, left = [] } = fault;
      if (state !== undefined) await restarts[state]();
      expect(await bring(given)).toBe(expectedOf(fault, wayInParts));
      // What was sent can be completed when the scanner is back, as long as its lease lasts.
      if (state !== undefined || left.length > 0) await plain.sweep({ now: inEightDays() });
      await expectOnly(left);
    });

    it("takes what was refused while the scanner was down, when it is back", async () => {
      await restart("/nowhere/clamd.sock");
      const { id } = await sendParts(await prepare({}), gif);
      expect(await complete(id)).toBe("503 unavailable");
      expect(await plain.listKeys()).toEqual([]);
      const staged = getStorage(service.app).getUrl(`${stagingRoot}${id}/content`);
      await expect(staged).rejects.toMatchObject({ code: "invalid_key" });
      await restart(clamd.socket);
      expect(await complete(id)).toBe("stored");
    });

    it("keeps an upload from another tenant, who can neither complete nor drop it", async () => {
      const { id } = await sendParts(await prepare({}), gif);
      tenant = "other";
      expect(await complete(id)).toBe("404 not_found");
      expect((await ask("DELETE", `/uploads/${id}`)).status).toBe(204);
      expect(await plain.listKeys()).toEqual([]);
      tenant = "acme";
      expect(await complete(id)).toBe("stored");
      expect(await plain.listKeys()).toEqual(["acme/k"]);
    });
  });
}
