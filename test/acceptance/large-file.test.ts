import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const mebibyte = 1024 * 1024;
const sizeMiB = Number(process.env.LARGE_FILE_MIB ?? 256);
const maxGrowthMiB = 96;
const script = fileURLToPath(new URL("large-file-server.js", import.meta.url));
const piece = Buffer.alloc(mebibyte, "0123456789abcdef");

/** Resident memory of another process, in MiB (proc(5)). */
async function residentMiB(pid: number): Promise<{ now: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+([0-9]+) kB`, "m").exec(status)?.[1]) / 1024;
  return { now: read("VmRSS"), peak: read("VmHWM") };
}

async function startServer(basePath: string): Promise<{ server: ChildProcess; port: number; pid: number }> {
  const server = spawn(process.execPath, [script, basePath], { stdio: ["ignore", "pipe", "inherit"] });
  if (server.stdout === null || server.pid === undefined) throw new Error("the server did not start");
  const [line] = await once(server.stdout, "data");
  return { server, port: Number(String(line)), pid: server.pid };
}

function send(request: http.ClientRequest): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => request.on("response", resolve).on("error", reject));
}

async function writeAll(request: http.ClientRequest, head: string, tail: string): Promise<void> {
  request.write(head);
  for (let index = 0; index < sizeMiB; index += 1) {
    if (!request.write(piece)) await once(request, "drain");
  }
  request.end(tail);
}

async function upload(port: number, asForm: boolean): Promise<number> {
  const headers = asForm ? { "content-type": "multipart/form-data; boundary=b" } : { "content-type": "x/y" };
  const path = asForm ? "/_storage/upload" : "/_storage/upload?key=big.bin";
  const request = http.request({ port, host: "127.0.0.1", method: "POST", path, headers, agent: false });
  const answered = send(request);
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n';
  await writeAll(request, asForm ? head : "", asForm ? "\r\n--b--\r\n" : "");
  const response = await answered;
  response.resume();
  await once(response, "end");
  return response.statusCode ?? 0;
}

async function download(port: number): Promise<number> {
  const response = await send(
    http.get({ port, host: "127.0.0.1", path: "/_storage/download/big.bin", agent: false }),
  );
  let size = 0;
  for await (const bytes of response) size += bytes.length;
  return size;
}

test.runIf(process.platform === "linux")(
  `${sizeMiB} MiB up and down take the server less than ${maxGrowthMiB} MiB of memory`,
  async () => {
    const basePath = await mkdtemp(join(tmpdir(), "svc-infra-large-"));
    const { server, port, pid } = await startServer(basePath);
    try {
      const before = await residentMiB(pid);
      expect(await upload(port, true)).toBe(200);
      expect(await upload(port, false)).toBe(200);
      expect(await download(port)).toBe(sizeMiB * mebibyte);
      const after = await residentMiB(pid);
      expect(after.peak - before.now).toBeLessThan(maxGrowthMiB);
    } finally {
      server.kill();
      await rm(basePath, { recursive: true, force: true });
    }
  },
  20 * 60_000,
);
