import { S3Backend } from "svc-infra/storage/s3";
import { afterEach, describe, expect, it, vi } from "vitest";
import { credentialChain } from "#dist/storage/backends/s3/credentials/credential-chain.js";
import type { S3Credentials } from "#dist/storage/backends/s3/credentials/credentials.js";
import { RenewedCredentials } from "#dist/storage/backends/s3/credentials/renewed-credentials.js";

const minute = 60_000;

function keys(accessKeyId: string, endsAt?: number): S3Credentials {
  const expiration = endsAt === undefined ? undefined : new Date(endsAt);
  return { accessKeyId, secretAccessKey: "secret", sessionToken: "token", expiration };
}

describe("keys that end", () => {
  it("are asked for once, also by many at once, and again five minutes before their end", async () => {
    let now = 0;
    let asked = 0;
    const source = new RenewedCredentials(
      async () => keys(`key-${++asked}`, now + 60 * minute),
      () => now,
    );
    expect(source.current()).toBeUndefined();
    const all = await Promise.all([source.get(), source.get(), source.get()]);
    expect(all.map(({ accessKeyId }) => accessKeyId)).toEqual(["key-1", "key-1", "key-1"]);
    now = 54 * minute;
    expect(source.current()?.accessKeyId).toBe("key-1");
    now = 56 * minute;
    expect(source.current()).toBeUndefined();
    expect((await source.get()).accessKeyId).toBe("key-2");
  });

  it("serve until their end when no others can be had, and not longer", async () => {
    let now = 0;
    const answers = [keys("first", 10 * minute)];
    const source = new RenewedCredentials(
      async () => {
        const next = answers.shift();
        if (next === undefined) throw new Error("the service of roles is down");
        return next;
      },
      () => now,
    );
    await source.get();
    now = 9 * minute;
    expect((await source.get()).accessKeyId).toBe("first");
    now = 11 * minute;
    await expect(source.get()).rejects.toThrow("the service of roles is down");
  });
});

describe("keys that the service refuses", () => {
  it.each([true, false])(
    "are asked for by force, once for all, where that is certain: %s",
    async (isCertain) => {
      const requests: unknown[] = [];
      const source = new RenewedCredentials(
        async (request) => {
          requests.push(request);
          return keys(`key-${requests.length}`);
        },
        () => 0,
      );
      const first = await source.get();
      expect([source.expire(first, isCertain), source.expire(first, isCertain)]).toEqual([true, true]);
      expect(source.current()).toBe(isCertain ? undefined : first);
      const others = await Promise.all([source.get(), source.get()]);
      expect(others.map(({ accessKeyId }) => accessKeyId)).toEqual(["key-2", "key-2"]);
      expect(source.expire(first, isCertain)).toBe(true);
      expect((await source.get()).accessKeyId).toBe("key-2");
      expect(requests).toEqual([undefined, { forceRefresh: true }]);
    },
  );

  it("are asked for by force again after a failure, where that is certain", async () => {
    const requests: unknown[] = [];
    const source = new RenewedCredentials(
      async (request) => {
        requests.push(request);
        if (requests.length === 2) throw new Error("the service of roles is down");
        return keys(`key-${requests.length}`);
      },
      () => 0,
    );
    source.expire(await source.get(), true);
    await expect(source.get()).rejects.toThrow("the service of roles is down");
    expect((await source.get()).accessKeyId).toBe("key-3");
    expect(requests).toEqual([undefined, { forceRefresh: true }, { forceRefresh: true }]);
  });
});

describe("the official chain", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("gives others than it keeps when the service has refused those", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "old");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    const source = new RenewedCredentials(credentialChain("us-east-1"), Date.now);
    const old = await source.get();
    vi.stubEnv("AWS_ACCESS_KEY_ID", "new");
    source.expire(old, true);
    expect((await source.get()).accessKeyId).toBe("new");
  });

  it("finds keys in the environment", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "from-the-environment");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
    vi.stubEnv("AWS_SESSION_TOKEN", "token");
    expect(await credentialChain("us-east-1")()).toMatchObject({
      accessKeyId: "from-the-environment",
      sessionToken: "token",
    });
  });
});

it.each([
  [{ accessKey: "a" }, "STORAGE_S3_SECRET_KEY is not set, and STORAGE_S3_ACCESS_KEY needs it"],
  [{ secretKey: "b" }, "STORAGE_S3_ACCESS_KEY is not set, and STORAGE_S3_SECRET_KEY needs it"],
])("of keys %o the one that is missing is named", (half, message) => {
  expect(() => new S3Backend({ bucket: "bucket", ...half })).toThrow(message);
});
