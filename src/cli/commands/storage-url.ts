import type { Command } from "commander";
import { print, storageNote, wholeNumber, withStorage } from "../storage/storage-session.js";

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
    .option("--expires-in <seconds>", "seconds until it expires, 604800 at most (default: 3600)", wholeNumber)
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

async function sign(key: string, options: UrlCommandOptions): Promise<void> {
  const { put: contentType, json, expiresIn, download, filename, public: isPublic } = options;
  await withStorage(async ({ storage }) => {
    const url =
      contentType === undefined
        ? await storage.getUrl(key, { expiresIn, download, filename, public: isPublic })
        : await storage.getUploadUrl(key, { contentType, expiresIn });
    await print(json ? `${JSON.stringify({ key, url })}\n` : `${url}\n`);
  });
}
