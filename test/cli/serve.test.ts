import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { CommandLine, freePort } from "./command-line.js";

let cli: CommandLine;
let port: number;
let url: string;

beforeEach(async () => {
  cli = new CommandLine();
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
});
afterEach(() => cli.dispose());

async function start(env: Record<string, string> = {}, args: readonly string[] = []) {
  const service = cli.start(["serve", ...args], { PORT: String(port), ...env });
  await service.ready(url);
  return service;
}

/** The JSON of an answer, whatever is in it. */
async function jsonOf(response: Response): Promise<Record<string, string>> {
  return z.record(z.string(), z.coerce.string()).parse(await response.json());
}

async function upload(headers: Record<string, string> = {}) {
  return fetch(`${url}/_storage/upload?key=a.txt`, { method: "POST", body: "hello", headers });
}

describe("with nothing set", () => {
  it("keeps files in ./.data/storage and says why", async () => {
    await start();
    const info = await (await fetch(`${url}/_storage/backend-info`)).json();
    expect(info).toMatchObject({
      backend: "LocalBackend",
      type: "local",
      reason: "nothing is set, so `serve` keeps files in ./.data/storage",
    });
    await upload();
    expect(existsSync(join(cli.folder, ".data/storage/a.txt"))).toBe(true);
  });

  it("answers an upload with a signed URL that works as it is", async () => {
    await start();
    const { url: signedUrl = "" } = await jsonOf(await upload());
    expect(signedUrl).toMatch(new RegExp(`^http://localhost:${port}/files/a\\.txt\\?`));
    expect(await (await fetch(signedUrl)).text()).toBe("hello");
  });

  it("is open on loopback, with a warning that names the variable", async () => {
    const service = await start();
    expect((await upload()).status).toBe(200);
    const { stdout } = await service.stop();
    const warnings = stdout.split("\n").filter((line) => line.includes('"level":40'));
    expect(warnings.join("\n")).toContain("STORAGE_API_TOKEN");
  });

  it("keeps the signatures of its URLs over a restart", async () => {
    const first = await start();
    const { url: signedUrl = "" } = await jsonOf(await upload());
    await first.stop();
    await start();
    expect((await fetch(signedUrl)).status).toBe(200);
  });
});

describe("the page for people", () => {
  const statusOf = async () => (await fetch(url)).status;

  it("is at /, with types that browsers take", async () => {
    await start();
    const page = await fetch(url);
    expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
    const assets = [...(await page.text()).matchAll(/(?:src|href)="(\/_page\/[^"]+)"/g)].map(
      ([, path]) => path,
    );
    const types = await Promise.all(
      assets.map(async (path) => (await fetch(`${url}${path}`)).headers.get("content-type")),
    );
    expect([...new Set(types)].sort()).toEqual([
      "image/svg+xml",
      "text/css; charset=utf-8",
      "text/javascript; charset=utf-8",
    ]);
  });

  it("is left out by --no-page", async () => {
    await start({}, ["--no-page"]);
    expect(await statusOf()).toBe(404);
  });

  it("is never there in production", async () => {
    await start({
      APP_ENV: "prod",
      STORAGE_BACKEND: "local",
      STORAGE_BASE_PATH: "files",
      STORAGE_API_TOKEN: "t".repeat(32),
      STORAGE_SIGNING_SECRET: "s".repeat(32),
      STORAGE_BASE_URL: "https://files.example.com/files",
    });
    expect(await statusOf()).toBe(404);
  });
});

describe("the log", () => {
  it("is lines of JSON in a pipe", async () => {
    const { stdout } = await (await start()).stop();
    for (const line of stdout.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("msg");
  });

  it("is for people on a terminal: what was chosen, and the address of the page", async () => {
    const words = [process.execPath, resolve("dist/cli/main.js"), "serve", "--port", String(port)];
    // script(1) gives its command a terminal.
    const child = spawn("script", ["-qefc", words.join(" "), "/dev/null"], {
      cwd: cli.folder,
      env: { PATH: process.env.PATH ?? "", TERM: "xterm" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const ended = once(child, "close");
    await expect.poll(() => output).toContain(`Open http://localhost:${port} in a browser`);
    expect(output).toMatch(/storage +LocalBackend +nothing is set/);
    expect(output).not.toContain('"level"');
    child.stdin.write("\x03");
    await ended;
  });
});

describe("STORAGE_API_TOKEN", () => {
  it("is asked of every management route, and not of health and signed URLs", async () => {
    await start({ STORAGE_API_TOKEN: "let-me-in" });
    expect((await upload()).status).toBe(401);
    expect((await upload({ authorization: "Bearer let-me-inn" })).status).toBe(401);
    const response = await upload({ authorization: "Bearer let-me-in" });
    expect(response.status).toBe(200);
    expect((await fetch((await jsonOf(response)).url ?? "")).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/_storage/list`)).status).toBe(401);
  });

  it("can be in a file", async () => {
    writeFileSync(join(cli.folder, "token"), "let-me-in\n");
    await start({ STORAGE_API_TOKEN_FILE: "token" });
    expect((await upload({ authorization: "Bearer let-me-in" })).status).toBe(200);
  });

  it.each(["0.0.0.0", "::", "192.0.2.1", "127.0.0.1.example.com"])(
    "must be set to listen on %s",
    async (HOST) => {
      const { code, stderr, stdout } = await cli.run(["serve"], { HOST, PORT: String(port) });
      expect(code).toBe(1);
      expect(stderr).toContain(`STORAGE_API_TOKEN: is not set, and HOST '${HOST}'`);
      expect(stdout).toBe("");
    },
  );

  it("allows to listen for everybody", async () => {
    await start({ APP_ENV: "dev", HOST: "0.0.0.0", STORAGE_API_TOKEN: "let-me-in" });
    expect((await upload()).status).toBe(401);
  });
});

describe("settings", () => {
  it("come from .env, the environment first, the command line before both", async () => {
    const other = await freePort();
    writeFileSync(join(cli.folder, ".env"), `PORT=${other}\nSTORAGE_BACKEND=memory\n`);
    const service = await start();
    const info = await (await fetch(`${url}/_storage/backend-info`)).json();
    expect(info).toMatchObject({ type: "memory", reason: "STORAGE_BACKEND is 'memory'" });
    await service.stop();
    await start({ PORT: String(other) }, ["--port", String(port)]);
  });

  it("that are wrong are told all at once, by name, without secrets and without a stack", async () => {
    const { code, stderr } = await cli.run(["serve"], {
      HOST: "0.0.0.0",
      PORT: "eighty",
      STORAGE_MAX_UPLOAD_BYTES: "10MB",
      STORAGE_SIGNING_SECRET: "hunter2",
    });
    expect(code).toBe(1);
    for (const name of ["PORT", "STORAGE_API_TOKEN", "STORAGE_MAX_UPLOAD_BYTES", "STORAGE_SIGNING_SECRET"]) {
      expect(stderr).toContain(`${name}: `);
    }
    expect(stderr).not.toMatch(/hunter2|\n\s+at /);
  });

  it("of a port that is taken name the port", async () => {
    const squatter = createServer().listen(port, "127.0.0.1");
    const { code, stderr } = await cli.run(["serve"], { PORT: String(port) });
    squatter.close();
    expect([code, stderr]).toEqual([1, expect.stringContaining("PORT: cannot listen")]);
  });

  it.each(["192.0.2.1", "nowhere.invalid"])(
    "of the address %s, which is not here, name the host",
    async (HOST) => {
      const env = { APP_ENV: "dev", HOST, PORT: String(port), STORAGE_API_TOKEN: "let-me-in" };
      const { code, stderr } = await cli.run(["serve"], env);
      expect([code, stderr]).toEqual([1, expect.stringContaining("HOST: cannot listen")]);
      expect(stderr).not.toContain("PORT");
    },
  );

  it("of an invalid host name the host, beside the other problems", async () => {
    const { code, stderr } = await cli.run(["serve"], { HOST: "::zz", PORT: "eighty" });
    expect([code, stderr]).toEqual([1, expect.stringContaining("HOST: expected an address or a host name")]);
    expect(stderr).toContain("PORT: expected");
    expect(stderr).not.toContain("STORAGE_BASE_URL");
  });

  it.each([{ RENDER: "true" }, { HOST: "0.0.0.0" }])(
    "of production, as %j says, must have a token, secrets and a base URL that others can open",
    async (env) => {
      const some = {
        PORT: String(port),
        STORAGE_BACKEND: "local",
        STORAGE_SIGNING_SECRET: "s".repeat(32),
        ...env,
      };
      const nothing = await cli.run(["serve"], some as Record<string, string>);
      expect([nothing.code, nothing.stderr]).toEqual([
        1,
        expect.stringContaining("STORAGE_API_TOKEN: is not set"),
      ]);
      expect(nothing.stderr).toContain("STORAGE_BASE_URL: is 'http://");
      const short = { ...some, STORAGE_API_TOKEN: `${"t".repeat(32)},short` };
      const { stderr } = await cli.run(["serve"], short as Record<string, string>);
      expect(stderr).toContain("STORAGE_API_TOKEN: has fewer than 32 characters in production");
    },
  );

  it("of production, which --host says, are the same on a backend whose provider signs URLs", async () => {
    const { code, stderr } = await cli.run(["serve", "--host", "0.0.0.0"], {
      PORT: String(port),
      STORAGE_S3_BUCKET: "bucket",
      STORAGE_API_TOKEN: "t".repeat(32),
    });
    expect(code).toBe(1);
    expect(stderr).toContain(`STORAGE_BASE_URL: is 'http://localhost:${port}/files' in production`);
    expect(stderr).toContain("STORAGE_SIGNING_SECRET: is not set, and signs URLs in production");
  });

  it("of production are complete with two tokens, a secret and a base URL", async () => {
    const tokens = ["n".repeat(32), "o".repeat(32)];
    await start({
      APP_ENV: "prod",
      STORAGE_BACKEND: "local",
      STORAGE_BASE_PATH: "files",
      STORAGE_API_TOKEN: tokens.join(","),
      STORAGE_SIGNING_SECRET: "s".repeat(32),
      STORAGE_BASE_URL: "https://files.example.com/files",
    });
    for (const token of tokens) {
      const answer = await upload({ authorization: `Bearer ${token}` });
      expect((await jsonOf(answer)).url).toMatch(/^https:\/\/files\.example\.com\/files\/a\.txt\?/);
    }
    expect((await upload({ authorization: `Bearer ${"s".repeat(32)}` })).status).toBe(401);
  });

  it("of a folder that cannot be one are told without a stack", async () => {
    writeFileSync(join(cli.folder, "file"), "");
    const { code, stderr } = await cli.run(["serve"], { STORAGE_BASE_PATH: "file", PORT: String(port) });
    expect(code).toBe(1);
    expect(stderr).toContain("LocalBackend");
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it("must name a backend in production, and a secret", async () => {
    const nothing = await cli.run(["serve"], { APP_ENV: "prod", PORT: String(port) });
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining("STORAGE_BACKEND: ")]);
    const env = { NODE_ENV: "production", STORAGE_BACKEND: "local", PORT: String(port) };
    const noSecret = await cli.run(["serve"], env);
    expect([noSecret.code, noSecret.stderr]).toEqual([
      1,
      expect.stringContaining("STORAGE_SIGNING_SECRET: "),
    ]);
  });
});

it("closes a connection that stalls for HTTP_IDLE_TIMEOUT_MS", async () => {
  await start({ HTTP_IDLE_TIMEOUT_MS: "200" });
  const socket = connect(port, "127.0.0.1").resume();
  socket.write("PUT /_storage/files/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf");
  await once(socket, "close");
});

describe("failures over HTTP", () => {
  it("have a code and forbid guessing, also those that Node's parser and Fastify find", async () => {
    await start();
    const table = [
      ["nonsense\r\n\r\n", 400, "bad_request"],
      ["GET / HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n", 400, "bad_request"],
      [`GET / HTTP/1.1\r\nHost: localhost\r\nA: ${"a".repeat(20_000)}\r\n\r\n`, 431, "headers_too_large"],
      ["GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404, "no_such_route"],
      ["PATCH /files/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"],
      ["GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421, "misdirected"],
    ] as const;
    for (const [text, status, code] of table) {
      const socket = connect(port, "127.0.0.1");
      let answer = "";
      socket.on("data", (piece) => {
        answer += piece.toString("latin1");
      });
      socket.write(text);
      await once(socket, "close");
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head.toLowerCase()).toContain("content-type: application/problem+json");
      expect(head.toLowerCase()).toContain("x-content-type-options: nosniff");
      expect(JSON.parse(body)).toMatchObject({ status, code });
    }
  });

  it("are answered on a connection that had an answer before", async () => {
    await start();
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
    });
    socket.write("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await expect.poll(() => answer).toContain("no_such_route");
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nA: ${"a".repeat(20_000)}\r\n\r\n`);
    await once(socket, "close");
    expect(answer).toMatch(/HTTP\/1.1 431 .*headers_too_large/s);
  });

  it.each([
    ["/nowhere", 404],
    ["/%zz", 400],
    ["/_storage/download/none.txt", 404],
    ["/_storage/download/a..b", 400],
  ])("of %s are problem details with status %i", async (path, status) => {
    await start();
    const response = await fetch(`${url}${path}`);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status, type: "about:blank" });
  });
});

it("signatures of signed URLs stay out of the log", async () => {
  const service = await start();
  const { url: signedUrl = "" } = await jsonOf(await upload());
  await (await fetch(signedUrl)).text();
  const { stdout } = await service.stop();
  const signature = new URL(signedUrl).searchParams.get("signature") ?? "";
  expect(signature).not.toBe("");
  expect(stdout).toContain("/files/a.txt");
  expect(stdout).not.toContain(signature);
});

it.each(["SIGTERM", "SIGINT"] as const)(
  "%s ends it with 0 although a keep-alive client is connected",
  async (signal) => {
    const service = await start();
    const agent = new Agent({ keepAlive: true });
    await new Promise((resolve) =>
      get(`${url}/healthz`, { agent }, (res) => res.resume().on("end", resolve)),
    );
    const { code } = await service.stop(signal);
    agent.destroy();
    // A service that waits for the client is cut off after 10 seconds, and then ends with 1.
    expect(code).toBe(0);
  },
);
