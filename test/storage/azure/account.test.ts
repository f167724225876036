import { inspect } from "node:util";
import { easyStorage } from "svc-infra";
import { StorageConfigurationError } from "svc-infra/storage";
import { AzureBackend, type AzureBackendOptions } from "svc-infra/storage/azure";
import { describe, expect, it } from "vitest";
import { accountOf } from "#dist/storage/backends/azure/account.js";

const key = Buffer.from("a secret key of an account").toString("base64");

function failureOf(options: AzureBackendOptions): Error {
  try {
    new AzureBackend(options);
  } catch (error) {
    if (error instanceof StorageConfigurationError) return error;
  }
  throw new Error("it did not fail as it should");
}

describe("a connection string", () => {
  it.each([
    [`AccountName=acct;AccountKey=${key}`, "https://acct.blob.core.windows.net"],
    [
      `DefaultEndpointsProtocol=http;AccountName=acct;AccountKey=${key};`,
      "http://acct.blob.core.windows.net",
    ],
    [
      `AccountKey=${key};AccountName=acct;EndpointSuffix=core.usgovcloudapi.net`,
      "https://acct.blob.core.usgovcloudapi.net",
    ],
    [
      `AccountName=acct;AccountKey=${key};BlobEndpoint=https://files.example.com/`,
      "https://files.example.com",
    ],
  ])("names account, key and endpoint: %s", (connectionString, endpoint) => {
    expect(accountOf({ connectionString })).toEqual({
      name: "acct",
      endpoint,
      access: { key },
    });
  });

  it("may mean the emulator", () => {
    expect(accountOf({ connectionString: "UseDevelopmentStorage=true" })).toMatchObject({
      name: "devstoreaccount1",
      endpoint: "http://127.0.0.1:10000/devstoreaccount1",
    });
  });

  it.each([
    "",
    "nonsense",
    "AccountName=acct",
    `AccountKey=${key}`,
    `AccountName=acct;AccountKey=${key};BlobEndpoint=nowhere`,
    `AccountName=acct;AccountKey=*${key}`,
    `BlobEndpoint=https://a.example.com;SharedAccessSignature=sig=${key}`,
  ])("that does not is refused by its variable, and not told: %s", (connectionString) => {
    const error = failureOf({ container: "files", connectionString });
    expect(error.message).toContain("STORAGE_AZURE_CONNECTION_STRING");
    expect(error.message).not.toContain(key);
  });
});

describe("settings that cannot be used name their variable", () => {
  it.each([
    [{ container: "files", accountKey: key }, "STORAGE_AZURE_ACCOUNT"],
    [{ container: "files", account: "Not An Account", accountKey: key }, "STORAGE_AZURE_ACCOUNT"],
    [{ container: "files", account: "acct", accountKey: "not base64!" }, "STORAGE_AZURE_ACCOUNT_KEY"],
    [{ container: "No Container", account: "acct", accountKey: key }, "STORAGE_AZURE_CONTAINER"],
    [{ container: "a--b", account: "acct", accountKey: key }, "STORAGE_AZURE_CONTAINER"],
    [{ container: "files", account: "acct", accountKey: key, endpoint: "ftp://x" }, "STORAGE_AZURE_ENDPOINT"],
    [{ container: "files", account: "acct", endpoint: "http://127.0.0.1:1/acct" }, "STORAGE_AZURE_ENDPOINT"],
    [{ container: "files", account: "acct", accountKey: key, blockBytes: 1 }, "blockBytes"],
    [{ container: "files", account: "acct", accountKey: key, blocksAtOnce: 0 }, "blocksAtOnce"],
    [{ container: "files", account: "acct", accountKey: key, idleBodyMs: Number.NaN }, "idleBodyMs"],
  ] as const)("%j", (options, name) => {
    const { message } = failureOf(options);
    expect(message).toContain(name);
    expect(message).not.toContain(key);
  });
});

it("neither the backend nor the storage shows the key", async () => {
  const storage = await easyStorage({
    backend: "azure",
    container: "files",
    account: "acct",
    accountKey: key,
  });
  expect(inspect(storage, { depth: 10, showHidden: true })).not.toContain(key);
});
