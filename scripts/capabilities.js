import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AzureBackend } from "svc-infra/storage/azure";
import { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import { GcsBackend } from "svc-infra/storage/gcs";
import { LocalBackend } from "svc-infra/storage/local";
import { MemoryBackend } from "svc-infra/storage/memory";
import { S3Backend, s3Providers } from "svc-infra/storage/s3";

const page = fileURLToPath(new URL("../docs/capabilities.md", import.meta.url));

/** Where the file route serves their URLs; without it local and memory have none. */
const baseUrl = "http://localhost:8000/files";

/**
 * Every kind of service: one line each. A backend whose services differ has a line for each of them. No backend
 * reaches anything before its first call.
 *
 * @type {readonly {
 *   readonly service: string,
 *   readonly backend: import("svc-infra/storage").StorageBackend,
 *   readonly maxBytes?: string, // what to say in place of a number that is Node's and not the service's
 * }[]}
 */
export const rows = [
  { service: "memory", backend: new MemoryBackend({ baseUrl }), maxBytes: "longest buffer of Node" },
  { service: "local", backend: new LocalBackend({ baseUrl }) },
  { service: "azure", backend: new AzureBackend({ container: "any", account: "any", accountKey: "any=" }) },
  ...s3Providers.map((provider) => ({
    service: `s3 (${provider})`,
    backend: new S3Backend({ provider, bucket: "any", endpoint: "https://s3.example.com" }),
  })),
  { service: "gcs", backend: new GcsBackend({ bucket: "any" }) },
  {
    service: "cloudinary",
    backend: new CloudinaryBackend({ url: "cloudinary://key:secret@any" }),
    maxBytes: "what the plan has",
  },
];

/** @type {Record<keyof import("svc-infra/storage").Capabilities, string>} */
const meanings = {
  signGet:
    "`getUrl`: signed URLs that read, and expire; everywhere with the file route of `addStorage`, of memory and local only there",
  signPut:
    "`getUploadUrl`: signed URLs that write straight to the provider; with the file route everywhere, through the service",
  signSize: "`getUploadUrl` with `size`: only content of that many bytes; with the file route everywhere",
  ifAbsent: "`put` and `copy` with `ifAbsent`: of many writers exactly one wins",
  ifMatch: "`put` and `copy` with `ifMatch`: only over the version with that ETag",
  multipart: "`createUpload`: an upload in parts, which another process may go on with",
  conditionalComplete: "`ifAbsent` and `ifMatch` of the completion of such an upload",
  exactDelete: "of many who delete one object at once exactly one hears `true`",
  conditionalRemove:
    "`delete` with `ifMatch`: only the version with that ETag; `move` never deletes another one",
  conditionalCopySource:
    "a copy is of one version of its source, however that is written meanwhile; elsewhere content that a policy must check is copied through this process",
  transform: "`getUrl` with `transform`: an image or video in another size, format or quality",
  direct: "`prepareUpload`: content that clients send past the service, as a whole or also in parts",
  maxBytes: "largest object",
  minPartBytes: "smallest part of an upload in parts, but for the last",
  maxMetadataBytes: "names and values of an object's metadata; those beyond ASCII take more",
};

/** Capabilities that backends may leave out. */
const unsaid = { direct: "no", conditionalCopySource: false, maxMetadataBytes: 2048 };

/** The whole page, made from the backends themselves. */
export function capabilitiesPage() {
  const names = Object.keys(meanings);
  const head = [row(["service", ...names]), row(["---", ...names.map(() => "---")])];
  const lines = rows.map(({ service, backend, ...told }) => {
    const values = Object.entries({ ...unsaid, ...backend.capabilities, ...told });
    return row([service, ...values.sort(byName).map(cell)]);
  });
  const legend = Object.entries(meanings).map(([name, meaning]) => `- \`${name}\`: ${meaning}`);
  return `${[...introduction, ...head, ...lines, "", ...legend].join("\n")}\n`;

  /** @type {(a: [string, unknown], b: [string, unknown]) => number} */
  function byName([a], [b]) {
    return names.indexOf(a) - names.indexOf(b);
  }
}

const introduction = [
  "# What each service can do",
  "",
  "Made from the backends by `node scripts/capabilities.js`; a test keeps it true. What a service cannot do is",
  "never imitated: the call does not compile where the backend's type is known, and is `UnsupportedOperationError`",
  "before any byte moves where it is not.",
  "",
];

/** @type {(cells: readonly string[]) => string} */
function row(cells) {
  return `| ${cells.join(" | ")} |`;
}

/** @type {(capability: [string, boolean | number | string | undefined]) => string} */
function cell([, value]) {
  if (typeof value === "number") return size(value);
  if (typeof value === "string") return value;
  return value ? "yes" : "no";
}

/** Bytes in the largest unit; above a pebibyte it is the disk that ends it. */
function size(/** @type {number} */ bytes) {
  if (bytes > 2 ** 50) return "none of its own";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = units.findLastIndex((_, index) => bytes >= 1024 ** index);
  return `${Number((bytes / 1024 ** power).toFixed(3))} ${units[power]}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, capabilitiesPage());
