import { join } from "node:path";
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";
import { afterAll, describe, expect, it } from "vitest";
import { CommandLine } from "./command-line.js";

const cli = new CommandLine();
afterAll(() => cli.dispose());

const basePath = join(cli.folder, "files");
const local = { STORAGE_BACKEND: "local", STORAGE_BASE_PATH: basePath };

describe("storage sweep", () => {
  it("tells what it would remove, removes it, and leaves what is alive", async () => {
    const storage = new Storage(new LocalBackend({ basePath, baseUrl: "http://localhost/files" }));
    const options = { size: 1, contentType: "text/plain" };
    const abandoned = await storage.prepareUpload("a", { ...options, expiresIn: 1 });
    await storage.prepareUpload("b", options);
    await new Promise((resolve) => setTimeout(resolve, abandoned.expiresAt.getTime() + 2000 - Date.now()));
    const dry = await cli.run(["storage", "sweep", "--dry-run"], local);
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining("1 staged objects")]);
    expect(dry.stdout).toContain("would be removed");
    const { stdout } = await cli.run(["storage", "sweep", "--json"], local);
    expect(JSON.parse(stdout)).toEqual({ staged: 1, uploads: 0, alive: 1, isDryRun: false });
    expect(JSON.parse((await cli.run(["storage", "sweep", "--json"], local)).stdout)).toMatchObject({
      staged: 0,
    });
    await storage.close();
  });
});

describe("storage cors", () => {
  const origins = { CORS_ALLOW_ORIGINS: "https://app.example.com" };

  it("prints the rules as the provider takes them, and how to set them", async () => {
    const s3 = {
      STORAGE_BACKEND: "s3",
      STORAGE_S3_BUCKET: "my-uploads",
      STORAGE_S3_ACCESS_KEY: "a",
      STORAGE_S3_SECRET_KEY: "s",
    };
    const { code, stdout, stderr } = await cli.run(["storage", "cors"], { ...s3, ...origins });
    const [rule] = JSON.parse(stdout).CORSRules;
    expect(rule).toMatchObject({ AllowedOrigins: ["https://app.example.com"], AllowedMethods: ["PUT"] });
    expect(stderr).toContain("put-bucket-cors");
    expect(code).toBe(0);
    const told = await cli.run(["storage", "cors", "--json"], { ...s3, ...origins });
    expect(told.stderr).toBe("");
    expect(JSON.parse(told.stdout)).toMatchObject({
      type: "s3",
      rules: JSON.parse(stdout),
      how: expect.stringContaining("put-bucket-cors"),
    });
  });

  it("has nothing to set where the service takes the content, and needs an origin", async () => {
    const { stdout, stderr } = await cli.run(["storage", "cors"], { ...local, ...origins });
    expect([stdout, stderr]).toEqual(["", expect.stringContaining("CORS_ALLOW_ORIGINS is all")]);
    const { code, stderr: missing } = await cli.run(["storage", "cors"], local);
    expect([code, missing]).toEqual([1, expect.stringContaining("CORS_ALLOW_ORIGINS")]);
  });
});
