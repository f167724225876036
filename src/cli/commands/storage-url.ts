import type { Command } from "commander";
import type { Storage, UploadUrlOptions } from "../../storage/index.js";
import { servePolicy } from "../../storage/policy/served-policy.js";
import { print } from "../output-reader.js";
import { storageNote, wholeNumberTo, withStorage } from "../storage/storage-session.js";

interface UrlCommandOptions {
  readonly expiresIn?: number;
  readonly download?: true;
  readonly filename?: string;
  readonly public?: true;
  readonly put?: string;
  readonly json?: true;
}

/** Adds `storage url`: a URL that reads an object, or takes one. */
export function registerStorageUrl(storage: Command): void {
  storage
    .command("url")
    .description("Print a signed URL of an object; it does not look whether there is one.")
    .argument("<key>", "key of the object")
    .option(
      "--expires-in <seconds>",
      "seconds until it expires, 604800 at most (default: 3600)",
      wholeNumberTo(604_800),
    )
    .option("--download", "it saves the file instead of showing it")
    .option("--filename <name>", "name to save it under")
    .option("--public", "the permanent URL of a public file")
    .option("--put <type>", "a URL that takes an upload of this content type")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ svc-infra storage url invoices/7.pdf --download --expires-in 300
  $ curl -T me.png -H 'Content-Type: image/png' "$(svc-infra storage url avatars/7.png --put image/png)"

URLs of local files work while \`serve\` runs with the same settings. ${storageNote}`,
    )
    .action(sign);
}

/** What only a URL that reads can have. */
const readingOptions = ["download", "filename", "public"] as const;

async function sign(key: string, options: UrlCommandOptions, command: Command): Promise<void> {
  refuseMixed(options, command);
  const { put: contentType, json, expiresIn, download, filename, public: isPublic } = options;
  await withStorage(async ({ storage }) => {
    const url =
      contentType === undefined
        ? await storage.getUrl(key, { expiresIn, download, filename, public: isPublic })
        : await uploadUrl(storage, key, { contentType, expiresIn });
    await print(json ? `${JSON.stringify({ key, url })}\n` : `${url}\n`);
  });
}

function refuseMixed(options: UrlCommandOptions, command: Command): void {
  const mixed = readingOptions.filter((name) => options.put !== undefined && options[name] !== undefined);
  if (mixed.length === 0) return;
  const names = mixed.map((name) => `--${name}`).join(", ");
  command.error(`error: ${names} cannot be used with --put: a URL that takes an upload has no such thing`);
}

/** The file route of `serve` checks what comes by the URL: it has the policy of the same settings. */
async function uploadUrl(storage: Storage, key: string, options: UploadUrlOptions): Promise<string> {
  const signer = await storage.backend.signer();
  if (signer !== undefined) servePolicy(signer, storage.options.policy);
  return storage.getUploadUrl(key, options);
}
