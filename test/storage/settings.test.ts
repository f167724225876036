import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConfigurationError } from "svc-infra/kernel";
import { LayerBackend, parseKey, prefix, retry, Storage } from "svc-infra/storage";
import { afterAll, describe, expect, it } from "vitest";
import { configurationOf, easyStorage } from "#dist/storage/easy-storage.js";
import { backendFromEnv, detectBackend } from "#dist/storage/from-env.js";
import { environmentOf } from "../kernel/file-environment.js";

const secret = "0123456789abcdef0123456789abcdef";

async function failureOf(env: Record<string, string>, options = {}): Promise<ConfigurationError> {
  const failure = await backendFromEnv(env, options).then(
    () => new Error("the settings were accepted"),
    (error: unknown) => error,
  );
  if (failure instanceof ConfigurationError) return failure;
  throw failure;
}

describe("detection", () => {
  it.each([
    [{ RAILWAY_VOLUME_MOUNT_PATH: "/data" }, "local", "RAILWAY_VOLUME_MOUNT_PATH is set"],
    [{ AWS_ACCESS_KEY_ID: "id" }, "s3", "AWS_ACCESS_KEY_ID is set"],
    [{ STORAGE_S3_BUCKET: "b" }, "s3", "STORAGE_S3_BUCKET is set"],
    [{ GOOGLE_APPLICATION_CREDENTIALS: "/key.json" }, "gcs", "GOOGLE_APPLICATION_CREDENTIALS is set"],
    [{ STORAGE_GCS_BUCKET: "b" }, "gcs", "STORAGE_GCS_BUCKET is set"],
    [{ CLOUDINARY_URL: "cloudinary://a:b@c" }, "cloudinary", "CLOUDINARY_URL is set"],
    [{ CLOUDINARY_URL_FILE: "package.json" }, "cloudinary", "CLOUDINARY_URL is set"],
    [{ STORAGE_BACKEND: "azure" }, "azure", "STORAGE_BACKEND is 'azure'"],
    [{ STORAGE_BASE_PATH: "/data" }, "local", "STORAGE_BASE_PATH is set"],
    [{ STORAGE_BASE_PATH: "/data", CLOUDINARY_URL: "x" }, "cloudinary", "CLOUDINARY_URL is set"],
    [{}, "memory", "nothing is set that names a backend; files are lost when the process ends"],
  ])("of %j is %s", (env, type, reason) => {
    expect(detectBackend(env)).toMatchObject({ type, reason });
  });

  it("follows the order local, s3, gcs, cloudinary, each step losing the first of what is set", () => {
    const variables = [
      ["RAILWAY_VOLUME_MOUNT_PATH", "local"],
      ["AWS_ACCESS_KEY_ID", "s3"],
      ["GOOGLE_APPLICATION_CREDENTIALS", "gcs"],
      ["CLOUDINARY_URL", "cloudinary"],
    ] as const;
    for (const [start, [, type]] of variables.entries()) {
      const env = Object.fromEntries(variables.slice(start).map(([name]) => [name, "x"]));
      expect(detectBackend(env).type).toBe(type);
    }
  });

  it("is beaten by STORAGE_BACKEND, and that by the option", () => {
    const env = { RAILWAY_VOLUME_MOUNT_PATH: "/data", STORAGE_BACKEND: "memory" };
    expect(detectBackend(env).reason).toBe("STORAGE_BACKEND is 'memory'");
    expect(detectBackend(env, { backend: "gcs" }).reason).toBe("option 'backend' is 'gcs'");
  });

  it("takes an empty variable for one that is not set", () => {
    expect(detectBackend({ STORAGE_BACKEND: "", AWS_ACCESS_KEY_ID: "" }).type).toBe("memory");
  });

  it("says what is missing", () => {
    expect(detectBackend({ AWS_ACCESS_KEY_ID: "id" }).missing).toEqual(["STORAGE_S3_BUCKET"]);
    expect(detectBackend({ STORAGE_S3_BUCKET: "b" }).missing).toEqual([]);
    expect(detectBackend({}, { backend: "s3", bucket: "b" }).missing).toEqual([]);
    const named = { STORAGE_AZURE_CONTAINER: "c", STORAGE_AZURE_CONNECTION_STRING: "AccountName=a" };
    expect(detectBackend(named).missing).toEqual([]);
    expect(detectBackend({ STORAGE_BACKEND: "azure" }).missing).toEqual([
      "STORAGE_AZURE_CONTAINER",
      "STORAGE_AZURE_ACCOUNT",
    ]);
    const cloudinary = { STORAGE_BACKEND: "cloudinary", STORAGE_CLOUDINARY_API_KEY: "key" };
    const missing = ["STORAGE_CLOUDINARY_CLOUD_NAME", "STORAGE_CLOUDINARY_API_SECRET"];
    expect(detectBackend(cloudinary).missing).toEqual(missing);
    expect(detectBackend({ CLOUDINARY_URL: "cloudinary://key:secret@cloud" }).missing).toEqual([]);
  });
});

describe("the error", () => {
  it("of a bare AWS_ACCESS_KEY_ID names the bucket variable and says why S3 was chosen", async () => {
    const { message, variables } = await failureOf({ AWS_ACCESS_KEY_ID: "id" });
    expect(variables).toContain("STORAGE_S3_BUCKET");
    expect(message).toContain("STORAGE_S3_BUCKET: is not set, and s3 needs it (AWS_ACCESS_KEY_ID is set)");
  });

  it("names the one variable that would do for several, and only where it would", async () => {
    const { message } = await failureOf({ STORAGE_BACKEND: "azure" });
    expect(message).toContain("STORAGE_AZURE_CONTAINER: is not set, and azure needs it (");
    expect(message).toContain(
      "STORAGE_AZURE_ACCOUNT: is not set, and azure needs it, or STORAGE_AZURE_CONNECTION_STRING (",
    );
    const cloudinary = await failureOf({ STORAGE_BACKEND: "cloudinary" });
    expect(cloudinary.message).toContain("cloudinary needs it, or CLOUDINARY_URL (");
  });

  it("of a malformed CLOUDINARY_URL names it and does not tell its value", async () => {
    expect((await failureOf({ CLOUDINARY_URL: "b" })).variables).toEqual(["CLOUDINARY_URL"]);
  });

  it("names every bad variable at once, whether common or of the backend", async () => {
    const { variables } = await failureOf({
      APP_ENV: "moon",
      STORAGE_BACKEND: "memory",
      STORAGE_BASE_URL: "nowhere",
      STORAGE_SIGNING_SECRET: "short",
      STORAGE_MAX_UPLOAD_BYTES: "0",
      STORAGE_TIMEOUT_MS: "-1",
      STORAGE_MEMORY_MAX_BYTES: "1GB",
      STORAGE_DURABILITY: "not read for memory",
    });
    expect(variables).toEqual([
      "APP_ENV",
      "STORAGE_BASE_URL",
      "STORAGE_SIGNING_SECRET",
      "STORAGE_MAX_UPLOAD_BYTES",
      "STORAGE_TIMEOUT_MS",
      "STORAGE_MEMORY_MAX_BYTES",
    ]);
  });

  it("of an unknown backend lists the known ones, beside the other problems", async () => {
    const { message, variables } = await failureOf({
      STORAGE_BACKEND: "tape",
      STORAGE_MAX_UPLOAD_BYTES: "many",
    });
    expect(message).toContain(
      'STORAGE_BACKEND: expected one of local, s3, gcs, cloudinary, azure, memory, not "tape"',
    );
    expect(variables).toEqual(["STORAGE_BACKEND", "STORAGE_MAX_UPLOAD_BYTES"]);
  });

  it("of an option that the backend does not have names the option", async () => {
    expect((await failureOf({}, { basePath: "/data" })).variables).toEqual(["option 'basePath'"]);
  });

  it("of a short signing secret, alone or in a list, does not show it", async () => {
    for (const value of ["hunter2", `${secret},hunter2`]) {
      const { message } = await failureOf({ STORAGE_SIGNING_SECRET: value });
      expect(message).toMatch(/STORAGE_SIGNING_SECRET: expected secrets of at least 32 characters/);
      expect(message).not.toContain("hunter2");
    }
  });
});

describe("in production", () => {
  const prod = { APP_ENV: "prod" };

  it("memory is used only when it is named", async () => {
    const { variables, message } = await failureOf({ ...prod, STORAGE_SIGNING_SECRET: secret });
    expect(variables).toEqual(["STORAGE_BACKEND"]);
    expect(message).toContain("local");
    const env = { ...prod, STORAGE_BACKEND: "memory", STORAGE_SIGNING_SECRET: secret };
    expect((await backendFromEnv(env)).backend.type).toBe("memory");
  });

  it.each(["memory", "local"])(
    "%s without a signing secret is an error that names the variable",
    async (backend) => {
      const { variables } = await failureOf({ ...prod, STORAGE_BACKEND: backend });
      expect(variables).toEqual(["STORAGE_SIGNING_SECRET"]);
    },
  );

  it("a token that can be guessed is an error, beside the others", async () => {
    const tokens = { STORAGE_API_TOKEN: `${secret},short` };
    expect((await failureOf({ ...prod, ...tokens })).variables).toEqual([
      "STORAGE_API_TOKEN",
      "STORAGE_BACKEND",
    ]);
    const env = { STORAGE_BACKEND: "memory", STORAGE_SIGNING_SECRET: secret, ...tokens };
    for (const where of [prod, { RENDER: "true" }, { HOST: "0.0.0.0" }]) {
      expect((await failureOf({ ...env, ...where })).message).toContain("fewer than 32 characters");
    }
    expect((await backendFromEnv(env)).backend.type).toBe("memory");
  });

  it("a fallback does not count as named either", async () => {
    const fallback = { type: "local", reason: "a demonstration", defaults: {} } as const;
    const env = { ...prod, STORAGE_SIGNING_SECRET: secret };
    await expect(backendFromEnv(env, {}, fallback)).rejects.toThrow(/^STORAGE_BACKEND: /);
  });
});

describe("easyStorage", () => {
  it("is known, with its limit, by what is derived from it", async () => {
    const storage = await easyStorage({ maxUploadBytes: 4 }, {});
    const derived = storage.with(prefix("t-1/"), retry());
    expect(configurationOf(derived)).toBe(configurationOf(storage));
    expect(configurationOf(derived)?.detection.type).toBe("memory");
    await expect(derived.put("a", "12345")).rejects.toMatchObject({ code: "too_large" });
    expect(configurationOf(new Storage(storage.backend))).toBeUndefined();
  });

  it("tries again what may pass", async () => {
    const { backend } = await easyStorage({}, {});
    const layers: string[] = [];
    for (let each: unknown = backend; each instanceof LayerBackend; each = Reflect.get(each, "inner")) {
      layers.push(each.constructor.name);
    }
    expect(layers).toEqual(["RetryingBackend", "TimedBackend"]);
  });

  it("makes a storage that works, by default in memory", async () => {
    const storage = await easyStorage({}, {});
    await storage.put("a.txt", "hello");
    expect(Buffer.from(await storage.get("a.txt")).toString()).toBe("hello");
    expect(storage.backend.name).toBe("MemoryBackend");
  });

  it("puts the option before the variable before the default", async () => {
    const limitOf = async (options: object, env: Record<string, string>) =>
      configurationOf(await easyStorage(options, env))?.settings.maxUploadBytes;
    expect(await limitOf({}, {})).toBe(10_485_760);
    expect(await limitOf({}, { STORAGE_MAX_UPLOAD_BYTES: "5" })).toBe(5);
    expect(await limitOf({ maxUploadBytes: 6 }, { STORAGE_MAX_UPLOAD_BYTES: "5" })).toBe(6);
  });

  it("limits what may be put", async () => {
    const storage = await easyStorage({ maxUploadBytes: 4 }, {});
    await storage.put("a.txt", "1234");
    await expect(storage.put("a.txt", "12345")).rejects.toMatchObject({ code: "too_large" });
  });

  it("hands a backend its own options and the base URL", async () => {
    const storage = await easyStorage(
      { backend: "memory", maxBytes: 600, baseUrl: "https://files.example.com/v1/" },
      {},
    );
    expect((await storage.put("a.txt", "1234")).url).toMatch(/^https:\/\/files\.example\.com\/v1\/a\.txt\?/);
    await expect(storage.put("b.txt", "1")).rejects.toMatchObject({ code: "quota_exceeded" });
  });

  it("signs with the first of several secrets", async () => {
    const env = {
      STORAGE_BASE_URL: "http://localhost:8000/files",
      STORAGE_SIGNING_SECRET: `${secret}, ${secret.toUpperCase()}`,
    };
    const [both, first] = [await easyStorage({}, env), await easyStorage({ signingSecret: secret }, {})];
    const { url = "" } = await both.put("a.txt", "x");
    const signer = await first.backend.signer();
    const [, query = ""] = url.split("?");
    expect(signer?.verify("get", parseKey("a.txt"), query)?.key).toBe("a.txt");
  });

  it("remembers why, and that of the fallback", async () => {
    const fallback = {
      type: "memory",
      reason: "a demonstration",
      defaults: { STORAGE_MEMORY_MAX_BYTES: "3" },
    } as const;
    const storage = await easyStorage({}, { STORAGE_MEMORY_MAX_BYTES: "" }, fallback);
    expect(configurationOf(storage)?.detection).toEqual({
      type: "memory",
      reason: "a demonstration",
      missing: [],
    });
    await expect(storage.put("a.txt", "1234")).rejects.toMatchObject({ code: "quota_exceeded" });
    const named = await easyStorage({}, { STORAGE_BACKEND: "memory" }, fallback);
    expect(configurationOf(named)?.detection.reason).toBe("STORAGE_BACKEND is 'memory'");
  });
});

describe("an endpoint of a .env file", () => {
  const secretFile = join(mkdtempSync(join(tmpdir(), "secret-")), "key");
  writeFileSync(secretFile, "secret");
  afterAll(() => rmSync(dirname(secretFile), { recursive: true }));

  const evil = "https://keys.evil.example";
  const s3 = { STORAGE_BACKEND: "s3", STORAGE_S3_BUCKET: "my-bucket", STORAGE_S3_ENDPOINT: evil };
  const gcs = { STORAGE_BACKEND: "gcs", STORAGE_GCS_BUCKET: "b", STORAGE_GCS_ENDPOINT: evil };
  const azure = {
    STORAGE_BACKEND: "azure",
    STORAGE_AZURE_CONTAINER: "c",
    STORAGE_AZURE_ACCOUNT: "a",
    STORAGE_AZURE_ENDPOINT: evil,
  };
  const cloudinary = {
    STORAGE_BACKEND: "cloudinary",
    STORAGE_CLOUDINARY_CLOUD_NAME: "c",
    STORAGE_CLOUDINARY_ENDPOINT: evil,
  };
  const keys = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
  const { STORAGE_CLOUDINARY_ENDPOINT: _, ...prefixed } = {
    ...cloudinary,
    CLOUDINARY_URL: `cloudinary://k:s@cloud?upload_prefix=${evil}`,
  };
  const federated = JSON.stringify({ type: "external_account", credential_source: { file: "/run/token" } });
  const impersonating = JSON.stringify({
    type: "impersonated_service_account",
    source_credentials: JSON.parse(federated),
  });
  const customerKey = { STORAGE_S3_CUSTOMER_KEY: Buffer.alloc(32).toString("base64") };

  it.each([
    [s3, keys, "AWS_SECRET_ACCESS_KEY"],
    [s3, {}, "the credentials"],
    [gcs, { GOOGLE_APPLICATION_CREDENTIALS: "/key.json" }, "GOOGLE_APPLICATION_CREDENTIALS"],
    [gcs, {}, "the credentials"],
    [azure, { AZURE_STORAGE_KEY: Buffer.alloc(64).toString("base64") }, "AZURE_STORAGE_KEY"],
    [azure, {}, "the credentials"],
    [cloudinary, { CLOUDINARY_URL: "cloudinary://a:b@c" }, "CLOUDINARY_URL"],
    [prefixed, { STORAGE_CLOUDINARY_API_SECRET: "secret" }, "STORAGE_CLOUDINARY_API_SECRET"],
    [{ ...s3, ...keys, STORAGE_S3_ENCRYPTION: "sse-c" }, customerKey, "STORAGE_S3_CUSTOMER_KEY"],
    [{ ...s3, ...keys }, { AWS_SESSION_TOKEN: "token" }, "AWS_SESSION_TOKEN"],
    [{ ...s3, ...customerKey, STORAGE_S3_ENCRYPTION: "sse-c" }, {}, "the credentials"],
    [s3, { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY_FILE: secretFile }, "AWS_SECRET_ACCESS_KEY_FILE"],
    [{ ...gcs, STORAGE_GCS_CREDENTIALS: federated }, {}, "what the credentials refer to"],
    [{ ...gcs, STORAGE_GCS_CREDENTIALS: impersonating }, {}, "what the credentials refer to"],
  ])("is refused with credentials from elsewhere: %j with %j", async (file, process, proof) => {
    const failure = backendFromEnv(environmentOf(file, process));
    await expect(failure).rejects.toThrow(
      new RegExp(`_(?:ENDPOINT|URL): is from a .env file, and ${proof} not; set both in one place`),
    );
  });

  it.each([
    [{ ...gcs, STORAGE_GCS_CREDENTIALS_PATH: "/home/user/key.json" }, "STORAGE_GCS_CREDENTIALS_PATH"],
    [
      { ...s3, AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY_FILE: secretFile },
      "AWS_SECRET_ACCESS_KEY_FILE",
    ],
  ])("is refused with the content of a file that the .env file names: %j", async (file, variable) => {
    await expect(backendFromEnv(environmentOf(file, {}))).rejects.toThrow(
      `_ENDPOINT: is from a .env file, and the file that ${variable} names is not part of it; set the address in the environment of the process`,
    );
  });

  it("of the process is used with the content of a file that the .env file names", async () => {
    const { STORAGE_S3_ENDPOINT, ...inFile } = s3;
    const file = { ...inFile, AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY_FILE: secretFile };
    await backendFromEnv(environmentOf(file, { STORAGE_S3_ENDPOINT }));
  });

  it("is refused with a secret of the code", async () => {
    const options = { backend: "s3", accessKey: "id", secretKey: "secret" } as const;
    await expect(backendFromEnv(environmentOf(s3, {}), options)).rejects.toThrow("option 'secretKey' not");
  });

  it("is used with credentials of the same file, and on this machine", async () => {
    await backendFromEnv(environmentOf({ ...s3, ...keys }, {}));
    const STORAGE_GCS_CREDENTIALS = JSON.stringify({ type: "service_account" });
    await backendFromEnv(environmentOf({ ...gcs, STORAGE_GCS_CREDENTIALS }, {}));
    await backendFromEnv(environmentOf({ ...s3, STORAGE_S3_ENDPOINT: "http://localhost:9000" }, keys));
  });

  it("within CLOUDINARY_URL is used with the secret of that URL, and not where another endpoint is set", async () => {
    await backendFromEnv(environmentOf(prefixed, {}));
    const elsewhere = {
      STORAGE_CLOUDINARY_API_SECRET: "secret",
      STORAGE_CLOUDINARY_ENDPOINT: "https://api-eu.cloudinary.com",
    };
    await backendFromEnv(environmentOf(prefixed, elsewhere));
  });

  it("and the reverse: an endpoint of the process, or of code, is used with credentials of the file", async () => {
    await backendFromEnv(environmentOf(keys, s3));
    const { STORAGE_S3_ENDPOINT: endpoint, ...rest } = s3;
    await backendFromEnv(environmentOf({ ...keys, ...rest }, {}), { backend: "s3", endpoint });
  });
});
