/** One version of an object: the ETag of the service and, of what this backend wrote, the id of the write. */
export interface Version {
  /** Without quotes. */
  readonly etag: string;
  readonly writeId: string | undefined;
}

const joined = /^(.*)\.([\w-]{16,40})$/;

/** The version as the ETag that callers get. */
export function formatVersion({ etag, writeId }: Version): string {
  return writeId === undefined ? etag : `${etag}.${writeId}`;
}

/** The version that a caller's ETag means. */
export function parseVersion(text: string): Version {
  const [, etag, writeId] = joined.exec(text) ?? [];
  return etag === undefined ? { etag: text, writeId: undefined } : { etag, writeId };
}

/** The service's ETag as it stands in a header, without its quotes. */
export function bareEtag(header: string | undefined): string {
  return (header ?? "").replace(/^W\//, "").replace(/^"|"$/g, "");
}
