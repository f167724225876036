import { randomBytes } from "node:crypto";

/** What goes in a form: fields by name, and the part of a file. */
export interface Form {
  readonly fields: Readonly<Record<string, string>>;
  readonly file: readonly Uint8Array[] | undefined;
}

/** A form as it is sent (RFC 7578). */
export interface WrittenForm {
  readonly contentType: string;
  /** Bytes in all. */
  readonly size: number;
  readonly pieces: readonly Uint8Array[];
}

/** Writes a form around the pieces of the file, which are not copied. */
export function writeForm({ fields, file }: Form): WrittenForm {
  const boundary = `svc-infra-${randomBytes(18).toString("hex")}`;
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const fileHead = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  const head = Buffer.from(parts.join("") + (file === undefined ? "" : fileHead));
  const tail = Buffer.from(`${file === undefined ? "" : "\r\n"}--${boundary}--\r\n`);
  const pieces = [head, ...(file ?? []), tail];
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return { contentType: `multipart/form-data; boundary=${boundary}`, size, pieces };
}
