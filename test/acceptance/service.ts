import { mkdtemp, rm } from "node:fs/promises";
import http, { type IncomingHttpHeaders } from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify, { type FastifyInstance } from "fastify";
import { type AddStorageOptions, addStorage } from "svc-infra";
import { Storage, type StorageBackend } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";

/** Nothing listens there: tests take path and query of a URL and ask their own service. */
const baseUrl = "http://127.0.0.1:1/files";
const secrets = ["0123456789abcdef0123456789abcdef"];

/** A running service with a storage in it. */
export interface Service {
  readonly app: FastifyInstance;
  readonly storage: Storage;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServiceOptions extends AddStorageOptions {
  readonly backend?: StorageBackend;
  /** Wraps the backend. */
  readonly wrap?: (backend: StorageBackend) => StorageBackend;
  readonly logLines?: string[];
  /** Adds routes of the app's own. */
  readonly routes?: (app: FastifyInstance) => void;
}

/** Starts a service on a free port: open routes and the file route, unless the options say otherwise. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const { backend, wrap = (inner) => inner, logLines, routes, ...rest } = options;
  const logger = logLines && {
    level: "debug",
    stream: { write: (line: string) => void logLines.push(line) },
  };
  const app = Fastify({ ...(logger ? { logger } : {}) });
  const kept = wrap(backend ?? new MemoryBackend({ baseUrl, secrets }));
  const storage = new Storage(kept);
  await addStorage(app, storage, { authorize: "open", serveFiles: true, ...rest });
  routes?.(app);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { app, storage, port, close: () => app.close() };
}

/** Backends that every acceptance test runs on. */
export const kinds = ["memory", "local"] as const;
export type Kind = (typeof kinds)[number];

/** A backend of a kind, and what removes its files. */
export async function makeBackend(
  kind: Kind,
): Promise<{ backend: StorageBackend; basePath?: string; remove(): Promise<void> }> {
  if (kind === "memory") {
    const backend = new MemoryBackend({ baseUrl, secrets, maxBytes: 4 * 1024 ** 3 });
    return { backend, remove: async () => undefined };
  }
  const basePath = await mkdtemp(join(tmpdir(), "svc-infra-http-"));
  const backend = new LocalBackend({ basePath, baseUrl, secrets, durability: "fast" });
  return { backend, basePath, remove: () => rm(basePath, { recursive: true, force: true }) };
}

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  json(): Record<string, unknown>;
}

export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

/** One request as it is given: Node's client changes nothing in path and headers. */
export function call(port: number, { method = "GET", path, headers = {}, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { ...headers } as http.OutgoingHttpHeaders,
        agent: false,
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () =>
          resolve(answer(response.statusCode ?? 0, response.headers, Buffer.concat(pieces))),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

function answer(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const text = body.toString("utf8");
  return { status, headers, body, text, json: () => JSON.parse(text) };
}

/** Sends bytes as they are and returns everything that comes until the server closes, or `waitMs` after they were sent. */
export function sendRaw(port: number, bytes: string | Uint8Array, waitMs = 3000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1");
    let timer: NodeJS.Timeout | undefined;
    socket.write(bytes, () => {
      timer = setTimeout(() => socket.destroy(), waitMs);
    });
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}

/** Status of the first answer in raw text. */
export function statusOf(raw: string): number {
  return Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(raw)?.[1] ?? 0);
}

/** Path and query of a URL. */
export function pathOf(url: string): string {
  return url.slice(new URL(url).origin.length);
}
