import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findAppEnv } from "svc-infra/kernel";
import { describe, expect, it } from "vitest";

describe("findAppEnv", () => {
  it.each([
    [{}, "local"],
    [{ HOST: "127.0.0.1" }, "local"],
    [{ HOST: "localhost" }, "local"],
    [{ HOST: "::1" }, "local"],
    [{ HOST: "0.0.0.0" }, "prod"],
    [{ HOST: "::" }, "prod"],
    [{ HOST: "0.0.0.0", APP_ENV: "dev" }, "dev"],
    [{ HOST: "0.0.0.0", NODE_ENV: "test" }, "test"],
    [{ RENDER: "true" }, "prod"],
    [{ FLY_APP_NAME: "files" }, "prod"],
    [{ RAILWAY_ENVIRONMENT_NAME: "pr-12" }, "prod"],
    [{ VERCEL_ENV: "preview" }, "prod"],
    [{ VERCEL_ENV: "development" }, "dev"],
    [{ RENDER: "true", APP_ENV: "local" }, "local"],
    [{ RENDER: "" }, "local"],
    [{ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, "local"],
  ])("of %j is %s", (env, appEnv) => {
    expect(findAppEnv(env, "/nowhere/token").appEnv).toBe(appEnv);
  });

  it("is prod in a pod that has a service account, and says why", () => {
    const folder = mkdtempSync(join(tmpdir(), "pod-"));
    const token = join(folder, "token");
    writeFileSync(token, "");
    const finding = findAppEnv({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, token);
    expect(finding).toEqual({ appEnv: "prod", reason: "there is a Kubernetes service account" });
    expect(findAppEnv({}, token).appEnv).toBe("local");
    rmSync(folder, { recursive: true });
  });
});
