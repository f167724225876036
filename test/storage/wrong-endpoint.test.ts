import { createServer, type Server } from "node:http";
import { easyStorage } from "svc-infra";
import type { Storage } from "svc-infra/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const azureKey = Buffer.alloc(32).toString("base64");

/** Each provider behind an endpoint, by the variable that its messages must name. */
const storages: Readonly<Record<string, (endpoint: string) => Promise<Storage>>> = {
  STORAGE_S3_ENDPOINT: (endpoint) =>
    easyStorage({ backend: "s3", bucket: "files", accessKey: "key", secretKey: "secret", endpoint }),
  STORAGE_GCS_ENDPOINT: (endpoint) => easyStorage({ backend: "gcs", bucket: "files", endpoint }),
  STORAGE_CLOUDINARY_ENDPOINT: (endpoint) =>
    easyStorage({ backend: "cloudinary", cloudName: "cloud", apiKey: "1", apiSecret: "secret", endpoint }),
  STORAGE_AZURE_ENDPOINT: (endpoint) =>
    easyStorage({
      backend: "azure",
      container: "files",
      account: "account",
      accountKey: azureKey,
      endpoint: `${endpoint}/account`,
    }),
};

let server: Server;
let endpoint: string;

beforeEach(async () => {
  server = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  endpoint = `http://127.0.0.1:${address.port}`;
});

afterEach(() => close());

function close(): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

async function failureOfCheck(open: (endpoint: string) => Promise<Storage>): Promise<unknown> {
  const storage = await open(endpoint);
  try {
    return await storage.check().catch((error: unknown) => error);
  } finally {
    await storage.close();
  }
}

describe.each(Object.entries(storages))("%s", (variable, open) => {
  it("is named when no server listens there", async () => {
    await close();
    expect(await failureOfCheck(open)).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(variable),
    });
  });

  it("of another service is a configuration error, not a missing object", async () => {
    expect(await failureOfCheck(open)).toMatchObject({
      code: "configuration",
      message: expect.stringContaining("not the intended service"),
    });
  });
});
