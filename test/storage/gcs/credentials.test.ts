import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Storage } from "svc-infra/storage";
import { GcsBackend } from "svc-infra/storage/gcs";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CredentialsFile, readCredentials } from "#dist/storage/backends/gcs/credentials.js";

const evil = "https://evil.example/token";
const federated = {
  type: "external_account",
  audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: "https://sts.googleapis.com/v1/token",
  token_info_url: "https://sts.googleapis.com/v1/introspect",
  service_account_impersonation_url:
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken",
  credential_source: { file: "/run/secrets/token" },
  universe_domain: "googleapis.com",
};

/** A file of these credentials, until the test ends. */
function fileOf(credentials: object): string {
  const folder = mkdtempSync(join(tmpdir(), "svc-infra-gcs-credentials-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "c.json"), JSON.stringify(credentials));
  return join(folder, "c.json");
}

function asText(credentials: object): Promise<CredentialsFile | undefined> {
  return readCredentials({ credentials: JSON.stringify(credentials), credentialsPath: undefined });
}

function asFile(credentials: object): Promise<CredentialsFile | undefined> {
  return readCredentials({ credentials: undefined, credentialsPath: fileOf(credentials) });
}

it("tokens go over plain http only where code allows it", () => {
  const options = { bucket: "b", credentials: {} };
  const names = { endpoint: "STORAGE_GCS_ENDPOINT", iamEndpoint: "iamEndpoint" };
  for (const [name, told] of Object.entries(names)) {
    const make = (more: object) => new GcsBackend({ ...options, [name]: "http://storage.example", ...more });
    expect(() => make({})).toThrow(
      expect.objectContaining({
        code: "configuration",
        message: expect.stringMatching(`${told} must be an https URL .* allowPlainHttp`),
      }),
    );
    expect(() => make({ allowPlainHttp: true })).not.toThrow();
  }
});

describe("credentials as text or as a file lead secrets only to Google and to this machine", () => {
  it.each<[string, object]>([
    ["token_url", { token_url: evil }],
    ["tokenUrl", { tokenUrl: evil }],
    ["token_info_url", { token_info_url: evil }],
    ["service_account_impersonation_url", { service_account_impersonation_url: evil }],
    ["cloud_resource_manager_url", { cloud_resource_manager_url: evil }],
    ["token_uri", { type: "service_account", token_uri: evil }],
    ["endpoint", { type: "impersonated_service_account", endpoint: evil }],
    ["source_credentials.token_url", { source_credentials: { ...federated, token_url: evil } }],
    ["token_url.0", { token_url: [evil] }],
    ["universe_domain", { universe_domain: "evil.example" }],
    ["universe_domain", { universe_domain: ["evil.example"] }],
    ["universeDomain", { universeDomain: "evil.example" }],
    ["source_credentials.universe_domain", { source_credentials: { universe_domain: "evil.example" } }],
  ])("%s of %j is refused, and the error names the variable", async (member, changed) => {
    const credentials = { ...federated, ...changed };
    const leads = `${JSON.stringify(member)} of VARIABLE leads neither to Google over https nor to this machine`;
    const message = (variable: string) => expect.stringContaining(leads.replace("VARIABLE", variable));
    const code = { failure: expect.objectContaining({ code: "configuration" }) };
    await expect(asText(credentials)).rejects.toMatchObject({
      ...code,
      message: message("STORAGE_GCS_CREDENTIALS"),
    });
    await expect(asFile(credentials)).rejects.toMatchObject({
      ...code,
      message: message("STORAGE_GCS_CREDENTIALS_PATH"),
    });
  });

  it.each([
    "http://sts.googleapis.com/v1/token",
    "https://googleapis.com.evil.example",
    "https://evilgoogleapis.com",
    "https://sts.googleapis.com@evil.example",
    "https:/evil.example",
    " \thttps://evil.example",
    "HTTPS:\\\\evil.example",
    "http://127.0.0.1.evil.example",
  ])("the address %j is another host", async (address) => {
    await expect(asText({ ...federated, token_url: address })).rejects.toThrow('"token_url"');
  });

  it("every call says so", async () => {
    const credentials = JSON.stringify({ ...federated, token_url: evil });
    const storage = new Storage(new GcsBackend({ bucket: "b", endpoint: "http://127.0.0.1:1", credentials }));
    onTestFinished(() => storage.close());
    const message = expect.stringContaining('"token_url" of STORAGE_GCS_CREDENTIALS');
    await expect(storage.exists("a")).rejects.toMatchObject({ code: "configuration", message });
  });

  it.each<[string, object]>([
    ["those of workload identity", federated],
    [
      "those of another cloud, whose tokens come from its own address",
      { ...federated, credential_source: { url: "http://169.254.169.254/metadata/identity/oauth2/token" } },
    ],
    ["those of a private endpoint of Google", { ...federated, token_url: "https://sts-x.p.googleapis.com" }],
    [
      "those of this machine",
      { ...federated, token_url: "http://[::1]:80/", token_uri: "https://localhost" },
    ],
    [
      "a key file",
      {
        type: "service_account",
        auth_uri: "https://accounts.google.com/o/oauth2/auth",
        token_uri: "https://accounts.google.com/o/oauth2/token",
        auth_provider_x509_cert_url: "https://www.googleapis.com/oauth2/v1/certs",
        client_x509_cert_url:
          "https://www.googleapis.com/robot/v1/metadata/x509/a%40b.iam.gserviceaccount.com",
      },
    ],
    [
      "a login",
      { type: "authorized_user", client_id: "1.apps.googleusercontent.com", refresh_token: "1//0" },
    ],
  ])("%s are taken", async (_, credentials) => {
    expect(await asText(credentials)).toEqual(credentials);
    expect(await asFile(credentials)).toEqual(credentials);
  });

  it("those that code gives as an object may lead elsewhere", async () => {
    const credentials = { ...federated, token_url: "https://sts.of-the-company.example" };
    expect(await readCredentials({ credentials, credentialsPath: undefined })).toBe(credentials);
  });
});
