/** An upload in parts: the id that the service gave it, and that of the write it will be. */
export interface UploadId {
  readonly ofService: string;
  /** `undefined` when it was begun by others. */
  readonly writeId: string | undefined;
}

const form = /^(?:([\w-]{16,40}):)?([\x21-\x7e]{1,1024})$/;

/** Both as the one id that callers are given. */
export function formatUploadId(ofService: string, writeId: string): string {
  return `${writeId}:${ofService}`;
}

/** What an id means; `undefined` when it cannot be one: in a query, an empty one would mean something else. */
export function parseUploadId(id: string): UploadId | undefined {
  const [, writeId, ofService] = form.exec(id) ?? [];
  return ofService === undefined ? undefined : { ofService, writeId };
}
