import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { readWhole } from "svc-infra/http";
import { expect, it } from "vitest";

const rate = { bytesPerSecond: 1000, windowMs: 100 };

/** What reading a request body of a real server gives; `send` is the client's part. */
async function outcomeOf(send: (client: ReturnType<typeof request>) => void): Promise<unknown> {
  const server = createServer();
  const message = new Promise<IncomingMessage>((resolve) => {
    server.on("request", (incoming, response) => {
      incoming.on("close", () => response.end());
      resolve(incoming);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = request({ port, host: "127.0.0.1", method: "POST" }).on("error", () => undefined);
  send(client);
  try {
    return await readWhole(await message, 10, rate).then(String, (error: unknown) => error);
  } finally {
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
}

it("a request body in several pieces is read whole", async () => {
  const send = (client: ReturnType<typeof request>) => {
    client.write("12345");
    setTimeout(() => client.end("67890"), 20);
  };
  expect(await outcomeOf(send)).toBe("1234567890");
});

it("a request body above the limit is refused with 413", async () => {
  const send = (client: ReturnType<typeof request>) => {
    client.write("12345");
    setTimeout(() => client.write("678901"), 20);
  };
  expect(await outcomeOf(send)).toMatchObject({ statusCode: 413 });
});

it("a request body that trickles is refused with 408", async () => {
  const send = (client: ReturnType<typeof request>) => {
    client.write("1");
    setTimeout(() => client.write("2"), 50);
  };
  expect(await outcomeOf(send)).toMatchObject({ statusCode: 408, code: "request_timeout" });
});

it("a client that disconnects makes the request body end with 499", async () => {
  const send = (client: ReturnType<typeof request>) => {
    client.write("1");
    setTimeout(() => client.destroy(), 20);
  };
  expect(await outcomeOf(send)).toMatchObject({ statusCode: 499, code: "aborted" });
});

it("a request body whose client has left already is refused with 499", async () => {
  const server = createServer();
  const gone = new Promise<IncomingMessage>((resolve) => {
    server.on("request", (incoming) =>
      incoming.on("close", () => resolve(incoming)).on("error", () => undefined),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = request({ port, host: "127.0.0.1", method: "POST" }).on("error", () => undefined);
  client.write("1");
  server.once("request", () => client.destroy());
  await expect(readWhole(await gone, 10, rate)).rejects.toMatchObject({ statusCode: 499 });
  server.close();
});
