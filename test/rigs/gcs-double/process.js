// @ts-check
// The double in a process of its own, which ends with the one that asked for it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GcsDouble } from "./server.js";

const folder = mkdtempSync(join(tmpdir(), "svc-infra-gcs-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("disconnect", () => process.exit());
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => undefined);

const [options = "{}"] = process.argv.slice(2);
const double = new GcsDouble({ ...JSON.parse(options), folder });
const endpoint = await double.listen();
process.send?.({
  endpoint,
  bucket: double.bucket,
  owner: keyFile(double.owner),
  stranger: keyFile(double.stranger),
});

/**
 * As Google's console gives it.
 *
 * @param {import("./accounts.js").Account} account
 */
function keyFile({ email, pem, keyId }) {
  return {
    type: "service_account",
    project_id: "svc-infra-double",
    private_key_id: keyId,
    private_key: pem,
    client_email: email,
    client_id: "100000000000000000000",
    token_uri: `${endpoint}/token`,
    universe_domain: "googleapis.com",
  };
}
