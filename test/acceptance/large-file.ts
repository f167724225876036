import { once } from "node:events";
import http from "node:http";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { crcOf, mebibyte, residentMiB, writePieces } from "./large-content.js";
import { serve } from "./served.js";
import type { ServedBackend } from "./served-backends.js";

const fullSizeMiB = Number(process.env.LARGE_FILE_MIB ?? 256);
const maxGrowthMiB = 96;

function send(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => request.on("response", resolve).on("error", reject));
}

async function writeAll(
  request: http.ClientRequest,
  { sizeMiB, head, tail }: { readonly sizeMiB: number; readonly head: string; readonly tail: string },
): Promise<void> {
  request.write(head);
  await writePieces(request, 0, sizeMiB);
  request.end(tail);
}

async function upload(port: number, sizeMiB: number, asForm: boolean): Promise<number> {
  const headers = asForm ? { "content-type": "multipart/form-data; boundary=b" } : { "content-type": "x/y" };
  const path = asForm ? "/_storage/upload" : "/_storage/upload?key=big.bin";
  const request = http.request({ port, host: "127.0.0.1", method: "POST", path, headers, agent: false });
  const answered = send(request);
  const formHead = '--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n';
  await writeAll(request, { sizeMiB, head: asForm ? formHead : "", tail: asForm ? "\r\n--b--\r\n" : "" });
  const response = await answered;
  response.resume();
  await once(response, "end");
  return response.statusCode ?? 0;
}

async function download(port: number): Promise<{ size: number; crc: number }> {
  const response = await send(
    http.get({ port, host: "127.0.0.1", path: "/_storage/download/big.bin", agent: false }),
  );
  let size = 0;
  let crc = 0;
  for await (const bytes of response) {
    size += bytes.length;
    crc = crc32(bytes, crc);
  }
  return { size, crc };
}

/** Uploads as a form and as a bare body, and a download, through `svc-infra serve` on a backend. */
export function runLargeFile(
  backend: ServedBackend,
  name: string = backend.type,
  sizeMiB = fullSizeMiB,
): void {
  test.runIf(process.platform === "linux")(
    `${name}: ${sizeMiB} MiB up and down take the server less than ${maxGrowthMiB} MiB of memory`,
    async () => {
      const { pid, port, stop } = await serve(backend, {
        STORAGE_MAX_UPLOAD_BYTES: String(2 * sizeMiB * mebibyte),
      });
      try {
        const before = await residentMiB(pid);
        expect(await upload(port, sizeMiB, true)).toBe(200);
        expect(await upload(port, sizeMiB, false)).toBe(200);
        expect(await download(port)).toEqual({ size: sizeMiB * mebibyte, crc: crcOf(sizeMiB) });
        const after = await residentMiB(pid);
        expect(after.peak - before.now).toBeLessThan(maxGrowthMiB);
      } finally {
        await stop();
      }
    },
    20 * 60_000,
  );
}
