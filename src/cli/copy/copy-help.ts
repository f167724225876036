import { backendTypes } from "../../storage/backends.js";
import { journalFolder } from "./journal-path.js";
import { urlSettings } from "./side-environment.js";

/** What `storage copy --help` teaches. */
export function copyHelp(): string {
  const settings = backendTypes
    .map((type) => [type, urlSettings(type)] as const)
    .filter(([, names]) => names.length > 0)
    .map(([type, names]) => `  ${type.padEnd(10)}  ${names.join(", ")}`);
  return `
Storages:
  local:./folder          the folder that is a storage's base path, however deep its keys are
  s3://bucket/path        a bucket, or what is below a path in it; gcs://, azure:// and cloudinary:// likewise
  s3:                     the bucket that STORAGE_S3_BUCKET names
  local:./folder?root=a   what is below a/ in a storage, under keys without it

Settings, behind a ? in the URL, else from the usual variables:
${settings.join("\n")}
  A variable for one side only has FROM or TO in its name, and so have secrets, which no URL may hold:
  STORAGE_FROM_S3_SECRET_KEY and STORAGE_TO_S3_ENDPOINT beat STORAGE_S3_SECRET_KEY and STORAGE_S3_ENDPOINT.

What it does:
  Copies content, content type, file name and metadata, each object whole or not at all, checked against its
  checksum on the way. An object that the target has already with the same size, checksum and description stays as
  it is; nothing is ever deleted. Killed, cut off or interrupted (Ctrl-C), it goes on where it was when it is run again.
  What is done is noted in ${journalFolder}, so that going on asks nothing about objects that have not changed since.

Ends with 0 when everything is at the target, with 1 when something could not be copied.

Examples:
  $ svc-infra storage copy --from local:./data --to s3://my-uploads --dry-run
  $ svc-infra storage copy --from local:./data --to s3://my-uploads --verify
  $ STORAGE_FROM_S3_ACCESS_KEY=... STORAGE_FROM_S3_SECRET_KEY=... \\
    svc-infra storage copy --from "s3://old?endpoint=https://s3.example.com" --to s3://new?region=eu-west-1`;
}
