import { createHash } from "node:crypto";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AzuriteRig, startAzurite } from "./azurite.js";
import { leavesNothing } from "./leaves-nothing.js";

describe("azurite", () => {
  let rig: AzuriteRig;
  let another: AzuriteRig;
  beforeAll(async () => {
    [rig, another] = await Promise.all([startAzurite(), startAzurite()]);
  });
  afterAll(() => Promise.all([rig?.stop(), another?.stop()]));

  const containerOf = ({ endpoint, account, accountKey }: Omit<AzuriteRig, "stop">, name: string) =>
    new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, accountKey), {
      retryOptions: { maxTries: 1 },
    }).getContainerClient(name);

  it("has a container of its own, although two run side by side", async () => {
    await rig.createContainer("of-the-first");
    expect(await containerOf(rig, "of-the-first").exists()).toBe(true);
    expect(await containerOf(another, "of-the-first").exists()).toBe(false);
    expect(await containerOf(another, "svc-infra").exists()).toBe(true);
  });

  it("refuses a wrong key", async () => {
    const accountKey = createHash("sha512").update("wrong").digest("base64");
    const asking = containerOf({ ...rig, accountKey }, "svc-infra").getProperties();
    await expect(asking).rejects.toMatchObject({ statusCode: 403 });
  });

  it("keeps idle connections for minutes, as Azure does", async () => {
    const answer = await fetch(rig.endpoint);
    expect(answer.headers.get("keep-alive")).toBe("timeout=300");
    await answer.body?.cancel();
  });

  leavesNothing("azurite.js", { endpoint: "STORAGE_AZURE_ENDPOINT", last: "STORAGE_AZURE_ACCOUNT_KEY" });
});
