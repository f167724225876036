import { fork } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { CommandLine } from "../cli/command-line.js";
import { infectedMarker, startClamd } from "../rigs/clamd.js";
import { forgetPeak, mebibyte, residentMiB, writePieces } from "./large-content.js";
import type { RunningBackend, ServedBackend } from "./served-backends.js";

const sizeMiB = Number(process.env.SCANNED_MIB ?? 192);
/** Of the content that comes by each way. */
export const scannedBytes = sizeMiB * mebibyte;
const maxGrowthMiB = 96;
/** Content that goes to S3 in three parts. */
const warmMiB = 24;
const script = fileURLToPath(new URL("scanning-service.js", import.meta.url));
const contentType = "application/octet-stream";

/** One request, whose body is some of the pieces between two texts. */
interface Sending {
  readonly method?: string;
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly head?: string;
  readonly pieces?: readonly [start: number, end: number];
  readonly tail?: string;
}

async function send({ method = "POST", url, headers = {}, head = "", pieces, tail = "" }: Sending) {
  const [start, end] = pieces ?? [0, 0];
  const length = Buffer.byteLength(head + tail) + (end - start) * mebibyte;
  const sent = { ...headers, "content-length": String(length) };
  const request = http.request(url, { method, headers: sent, agent: false });
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.on("response", resolve).on("error", reject);
  });
  const write = async () => {
    if (head !== "") request.write(head);
    await writePieces(request, start, end);
    request.end(tail);
  };
  const [answer] = await Promise.all([answered, write()]);
  let text = "";
  for await (const piece of answer.setEncoding("utf8")) text += piece;
  return { status: answer.statusCode ?? 0, text };
}

const sent = z.object({ method: z.string(), url: z.string(), headers: z.record(z.string(), z.string()) });
const prepared = z.object({
  id: z.string(),
  method: z.string(),
  url: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  parts: z.array(sent.extend({ start: z.number(), end: z.number() })),
});

/** The service, and what it takes to fill it by each way. */
class Ways {
  readonly origin: string;
  readonly #foreign: http.Server;

  constructor(origin: string, foreign: http.Server) {
    this.origin = origin;
    this.#foreign = foreign;
  }

  put = (key: string, tail = "", toMiB = sizeMiB) =>
    send({
      url: `${this.origin}/put?key=${key}`,
      headers: { "content-type": contentType },
      pieces: [0, toMiB],
      tail,
    });

  form = (path: string, tail = "") => {
    const named = `--b\r\nContent-Disposition: form-data; name="file"; filename="form.bin"\r\n`;
    return send({
      url: `${this.origin}${path}`,
      headers: { "content-type": "multipart/form-data; boundary=b" },
      head: `${named}Content-Type: ${contentType}\r\n\r\n`,
      pieces: [0, sizeMiB],
      tail: `${tail}\r\n--b--\r\n`,
    });
  };

  raw = (method: string, path: string) =>
    send({ method, url: this.origin + path, headers: { "content-type": contentType }, pieces: [0, sizeMiB] });

  parts = (key: string) =>
    send({
      url: `${this.origin}/parts?key=${key}&bytes=${16 * mebibyte}`,
      headers: { "content-type": contentType },
      pieces: [0, sizeMiB],
    });

  /** What a client of `getUploadUrl` does. */
  signedPut = async (key: string) => {
    const answer = await send({ url: `${this.origin}/sign?key=${key}&bytes=${scannedBytes}` });
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(answer.text));
    const { pathname, search } = new URL(url, this.origin);
    return this.raw("PUT", pathname + search);
  };

  /** As a page sends it, straight to the provider where the service has no file route. */
  direct = async (key: string, routes = "/_storage") => {
    const asked = JSON.stringify({ key, contentType, size: scannedBytes });
    const json = { "content-type": "application/json" };
    const answer = await send({ url: `${this.origin}${routes}/uploads`, headers: json, head: asked });
    const { id, method, url, headers, parts } = prepared.parse(JSON.parse(answer.text));
    const whole = url === null ? [] : [{ method, url, headers, start: 0, end: scannedBytes }];
    for (const { start, end, ...request } of [...whole, ...parts]) {
      const pieces = [start / mebibyte, end / mebibyte] as const;
      const target = new URL(request.url);
      const own = target.pathname.startsWith("/files/")
        ? new URL(target.pathname + target.search, this.origin)
        : target;
      const { status, text } = await send({ ...request, url: own, pieces });
      expect(status, text).toBeLessThan(300);
    }
    return send({ url: `${this.origin}${routes}/uploads/${id}/complete` });
  };

  copy = (from: string, key: string) => send({ url: `${this.origin}/copy?from=${from}&key=${key}` });

  remove = (key: string) => send({ method: "DELETE", url: `${this.origin}/_storage/files/${key}` });

  import = (key: string) => {
    const { port } = this.#foreign.address() as AddressInfo;
    const query = new URLSearchParams({ key, port: String(port), url: `http://127.0.0.1:${port}/` });
    return send({ url: `${this.origin}/import?${query}` });
  };
}

type Way = [way: string, key: string, bring: (key: string) => Promise<{ status: number; text: string }>];

/** Most memory of `svc-infra storage copy` with one object from a folder, in MiB. */
async function peakOfCopy(type: string, copiedMiB: number, env: Record<string, string>): Promise<number> {
  const cli = new CommandLine();
  try {
    const from = join(cli.folder, "from");
    mkdirSync(from);
    const file = createWriteStream(join(from, `copied-${copiedMiB}`));
    await writePieces(file, 0, copiedMiB);
    await finished(file.end());
    const to = type === "local" ? "local:to" : `${type}:`;
    const running = cli.start(["storage", "copy", "--from", "local:from", "--to", to], env);
    let peak = 0;
    let isOver = false;
    const outcome = running.outcome.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      peak = (await residentMiB(running.pid).catch(() => ({ peak }))).peak || peak;
      await after(20);
    }
    const { code, stdout, stderr } = await outcome;
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain(`1 copied (${copiedMiB * mebibyte} bytes)`);
    return peak;
  } finally {
    cli.dispose();
  }
}

/** Large content by each way in, with a scanner, on a backend. */
export function runScannedWays(backend: ServedBackend): void {
  describe.runIf(process.platform === "linux")(`${backend.type}: ${sizeMiB} MiB, scanned`, () => {
    let clamd: Awaited<ReturnType<typeof startClamd>>;
    let running: RunningBackend;
    let service: ReturnType<typeof fork>;
    let ways: Ways;
    let idleMiB: number;
    const pid = () => service.pid ?? 0;
    const foreign = http.createServer((_request, response) => {
      response.writeHead(200, { "content-type": contentType, "content-length": scannedBytes });
      void writePieces(response, 0, sizeMiB).then(() => response.end());
    });

    beforeAll(async () => {
      const maxBytes = scannedBytes + mebibyte;
      clamd = await startClamd({ streamMaxBytes: maxBytes });
      running = await backend.start();
      foreign.listen(0, "127.0.0.1");
      await once(foreign, "listening");
      const policy = {
        STORAGE_MAX_UPLOAD_BYTES: String(maxBytes),
        STORAGE_TIMEOUT_MS: "600000",
        CLAMD_SOCKET: clamd.socket,
        CLAMD_MAX_BYTES: String(maxBytes),
      };
      const env = {
        PATH: process.env.PATH,
        STORAGE_BACKEND: backend.type,
        ...running.env,
        ...policy,
      };
      service = fork(script, [], { env, stdio: ["ignore", "pipe", "inherit", "ipc"] });
      const [line = ""] = await once(createInterface({ input: service.stdout ?? process.stdin }), "line");
      const { port } = z.object({ port: z.number() }).parse(JSON.parse(line));
      ways = new Ways(`http://127.0.0.1:${port}`, foreign);
      // A service that has stored something: what that loads, compiles and leaves to the next collection is not the content's.
      for (let turn = 0; turn < 3; turn++) {
        expect((await ways.put(`warm-${turn}`, "", warmMiB)).status).toBe(200);
        expect((await ways.remove(`warm-${turn}`)).status).toBe(204);
      }
      idleMiB = (await residentMiB(pid())).now;
    });

    afterAll(async () => {
      service?.kill("SIGKILL");
      foreign.close();
      await running?.stop();
      await clamd?.stop();
    });

    const parts: Way = [
      "POST /_storage/uploads in parts",
      "of-parts",
      (key) => ways.direct(key, "/_provider"),
    ];
    const inParts = backend.type === "s3" ? [parts] : [];

    it.each<Way>([
      ["put", "first", (key) => ways.put(key)],
      ["copy", "copied", (key) => ways.copy("first", key)],
      ["POST /_storage/upload", "form", (key) => ways.form(`/_storage/upload?key=${key}`)],
      ["receiveUpload", "received", (key) => ways.form(`/receive?key=${key}`)],
      [
        "POST /_storage/upload of a raw body",
        "raw",
        (key) => ways.raw("POST", `/_storage/upload?key=${key}`),
      ],
      ["PUT /_storage/files/*", "file", (key) => ways.raw("PUT", `/_storage/files/${key}`)],
      ["PUT /files/*", "signed", (key) => ways.signedPut(key)],
      ["createUpload", "parts", (key) => ways.parts(key)],
      ["POST /_storage/uploads", "direct", (key) => ways.direct(key)],
      ...inParts,
      ["putFromUrl", "imported", (key) => ways.import(key)],
    ])(
      `by %s take the server less than ${maxGrowthMiB} MiB of memory`,
      async (way, key, bring) => {
        await forgetPeak(pid());
        const { status, text } = await bring(key);
        expect(status, text).toBeLessThan(300);
        const { peak } = await residentMiB(pid());
        if (process.env.TELL_MEMORY !== undefined) console.info(way, Math.round(idleMiB), Math.round(peak));
        expect(peak - idleMiB).toBeLessThan(maxGrowthMiB);
        if (key !== "first") expect((await ways.remove(key)).status).toBe(204);
      },
      20 * 60_000,
    );

    it(
      `by storage copy take it less than ${maxGrowthMiB} MiB of memory more than ${warmMiB} MiB do`,
      async () => {
        const env = {
          ...running.env,
          ...clamd.env,
          STORAGE_CLAMAV_MAX_BYTES: String(scannedBytes + mebibyte),
          STORAGE_TIMEOUT_MS: "600000",
        };
        const warmPeak = await peakOfCopy(backend.type, warmMiB, env);
        const peak = await peakOfCopy(backend.type, sizeMiB, env);
        if (process.env.TELL_MEMORY !== undefined)
          console.info("storage copy", Math.round(warmPeak), Math.round(peak));
        expect(peak - warmPeak).toBeLessThan(maxGrowthMiB);
      },
      20 * 60_000,
    );

    it(
      "and is refused when its last bytes are infected",
      async () => {
        const answers = [
          await ways.put("bad", infectedMarker),
          await ways.form("/receive?key=bad", infectedMarker),
        ];
        expect(answers.map(({ status, text }) => [status, JSON.parse(text).code])).toEqual([
          [422, "infected"],
          [422, "infected"],
        ]);
      },
      20 * 60_000,
    );
  });
}
