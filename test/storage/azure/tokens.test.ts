import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { GetTokenOptions } from "@azure/identity";
import { Storage } from "svc-infra/storage";
import { AzureBackend } from "svc-infra/storage/azure";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { type AzuriteRig, startAzurite } from "../../rigs/azurite.js";

const client = fileURLToPath(new URL("token-client.js", import.meta.url));

describe("with the tokens of an identity", () => {
  let rig: AzuriteRig;
  beforeAll(async () => {
    rig = await startAzurite({ oauth: true });
  });
  afterAll(() => rig?.stop());

  it("the conformance suite passes, and URLs are signed with a user delegation key that is asked for once", async () => {
    const { PATH } = process.env;
    const env = {
      PATH,
      NODE_EXTRA_CA_CERTS: rig.certificateFile,
      ENDPOINT: rig.endpoint,
      ACCOUNT: rig.account,
    };
    const { stdout } = await promisify(execFile)(process.execPath, [client], { env, timeout: 240_000 });
    const oid = "0b7a5f2e-0000-4000-8000-000000000001";
    expect(JSON.parse(stdout)).toEqual({
      ran: 140,
      failed: [],
      signedBy: [oid, oid],
      keyEnds: 1,
      week: [200, "content"],
      refused: "not_found",
    });
  });

  it("a certificate that is not trusted is a configuration error that names the variable", async () => {
    const { account, accountKey, endpoint } = rig;
    const storage = new Storage(new AzureBackend({ container: "any", account, accountKey, endpoint }));
    await expect(storage.check()).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("STORAGE_AZURE_ENDPOINT"),
    });
  });
});

describe("an identity", () => {
  const failing = (name: string) =>
    new Storage(
      new AzureBackend({
        container: "any",
        account: "any",
        credential: {
          getToken: async () => {
            throw Object.assign(new Error("the tenant's own words and a client secret"), { name });
          },
        },
      }),
    );

  it.each([
    ["CredentialUnavailableError", "configuration"],
    ["AggregateAuthenticationError", "configuration"],
    ["AuthenticationError", "permission_denied"],
  ] as const)("that answers %s is %s, and the message names the variables alone", async (name, code) => {
    for (const call of [() => failing(name).check(), () => failing(name).getUrl("a")]) {
      await expect(call()).rejects.toMatchObject({
        code,
        message: expect.stringMatching(/^[^']*STORAGE_AZURE_ACCOUNT_KEY.*AZURE_CLIENT_ID[^']*$/),
      });
    }
  });

  it("that does not answer keeps no URL waiting for more than ten seconds, and is asked again", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let asked = 0;
    const getToken = (_: unknown, { abortSignal }: GetTokenOptions = {}): Promise<never> => {
      asked += 1;
      return new Promise((_resolve, reject) =>
        abortSignal?.addEventListener("abort", () => reject(new Error("aborted"))),
      );
    };
    const storage = new Storage(
      new AzureBackend({ container: "any", account: "any", credential: { getToken } }),
    );
    for (const times of [1, 2]) {
      const outcome = storage.getUrl("a").catch((error: unknown) => error);
      await vi.waitFor(() => expect(asked).toBe(times));
      vi.advanceTimersByTime(10_001);
      expect(await outcome).toMatchObject({ code: "unavailable" });
    }
  });
});
