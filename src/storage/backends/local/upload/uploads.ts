import { open } from "node:fs";
import { lstat, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import type {
  Body,
  Bytes,
  CallOptions,
  ObjectDescription,
  UnfinishedUpload,
  UploadedPart,
} from "../../../contract/backend.js";
import { type Checksum, ChecksumBuilder } from "../../../contract/checksum.js";
import { descriptionOf } from "../../../contract/description.js";
import type { Key } from "../../../contract/key.js";
import { piecesOf } from "../../../contract/opened.js";
import { noUpload, ServiceError } from "../../../contract/service-error.js";
import { errnoOf } from "../disk/disk-error.js";
import { fileMode, folderMode, readFlags } from "../disk/files.js";
import { checkBase, checkOwnFolders } from "../disk/folders.js";
import { OpenFile } from "../read/open-file.js";
import { descriptionIn, parseObject, type RecordDraft } from "../record/record.js";
import { randomToken } from "../record/temp-name.js";
import type { Store } from "../store.js";
import { BodyReader } from "./body-reader.js";
import type { TempFile } from "./temp-file.js";
import { writeTemp } from "./write-temp.js";

const openFile = promisify(open);
const uploadIdForm = /^[0-9a-f]{48}$/;
/** Ends with the crc32 of the part; parts of versions before have none. */
const etagForm = /^[0-9a-f]{24}([0-9a-f]{8})?$/;
const partForm = /^([1-9]\d{0,4})-([0-9a-f]{24}(?:[0-9a-f]{8})?)-(\d+)$/;
const maxPartNumber = 10_000;

interface UploadNote {
  readonly key: string;
  readonly description: ObjectDescription;
}

interface KeptPart {
  readonly part: UploadedPart;
  readonly keptAtMs: number;
}

/** The parts of an upload in one temporary file, and what the object will be known by. */
export interface JoinedUpload {
  readonly temp: TempFile;
  readonly draft: RecordDraft;
}

/**
 * Uploads in parts: a folder for each upload, and a file for each part whose name says its number, ETag and size. The ETag
 * holds the checksum, so that a part that was damaged is never published.
 */
export class Uploads {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async create(key: string, description: ObjectDescription): Promise<string> {
    this.#store.layout.checkSpelling(key);
    const uploadId = randomToken() + randomToken();
    const note: UploadNote = { key, description: descriptionOf(description) };
    const { temps, uploads } = this.#store.layout;
    checkOwnFolders(this.#store, [temps, uploads]);
    const path = this.#store.newTemp();
    const temp = this.#at(path);
    const { sync } = this.#store;
    await mkdir(temp, { mode: folderMode });
    try {
      const text = JSON.stringify(note);
      await writeFile(`${temp}/upload.json`, text, { flag: "wx", mode: fileMode, flush: sync.isDurable });
      await sync.folder(path);
      await rename(temp, this.#at(this.#folder(uploadId)));
    } catch (error) {
      await rm(temp, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
    await Promise.all([sync.folder(uploads), ...sync.above(uploads)]);
    return uploadId;
  }

  /** All that are under way; one that ends meanwhile, or is damaged, is passed over. */
  async *all(): AsyncGenerator<UnfinishedUpload, void, undefined> {
    const { uploads } = this.#store.layout;
    checkOwnFolders(this.#store, [uploads]);
    for (const uploadId of await readdir(this.#at(uploads))) {
      const note = await this.#note(uploadId).catch(() => undefined);
      const begunAt = note && (await this.#begunAt(uploadId).catch(() => undefined));
      if (note && begunAt) yield { key: note.key as Key, uploadId, begunAt };
    }
  }

  /** Ends an upload to this key, if there is one of this id. */
  async abort(key: string, uploadId: string): Promise<void> {
    if ((await this.#note(uploadId))?.key === key) await this.drop(uploadId);
  }

  async writePart(
    key: string,
    uploadId: string,
    number: number,
    body: Body,
    { signal, onProgress }: CallOptions,
  ): Promise<UploadedPart> {
    if (!Number.isInteger(number) || number < 1 || number > maxPartNumber) {
      throw new ServiceError("invalid_argument", `part numbers are 1 to ${maxPartNumber}`);
    }
    await this.#description(key, uploadId);
    const file = await writeTemp(this.#store, new BodyReader(body.open(), signal), { onProgress });
    const part = { number, etag: randomToken() + digitsOf(body.checksum()), size: file.size };
    await this.#keep(uploadId, part, file, signal);
    return part;
  }

  /** The parts that were written, in the order of their numbers. */
  async list(key: string, uploadId: string): Promise<readonly UploadedPart[]> {
    await this.#description(key, uploadId);
    const kept = await this.#kept(uploadId);
    kept.sort((one, other) => one.keptAtMs - other.keptAtMs);
    const parts = new Map(kept.map(({ part }) => [part.number, part]));
    return [...parts.values()].sort((one, other) => one.number - other.number);
  }

  /** Joins the parts in the order of their numbers. The caller commits the file, and then {@link drop}s the upload. */
  async join(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
    { signal, onProgress }: CallOptions,
  ): Promise<JoinedUpload> {
    const description = await this.#description(key, uploadId);
    const sorted = await this.#sort(uploadId, parts);
    const checksum = new ChecksumBuilder("crc32");
    const reader = new BodyReader(this.#contentOfParts(uploadId, sorted, checksum, signal), signal);
    const temp = await writeTemp(this.#store, reader, { onProgress });
    const draft = { ...description, version: randomToken(), size: temp.size, checksum: checksum.digest() };
    return { temp, draft };
  }

  /**
   * Removes an upload. It is moved away first, so that no part comes into the folder while that is emptied, and a crash
   * leaves no half of it: what stays is swept. A disk may be too full even for the move.
   */
  async drop(uploadId: string): Promise<void> {
    const folder = this.#folder(uploadId);
    if (!this.#store.guard.isReal(folder)) return;
    checkOwnFolders(this.#store, [this.#store.layout.temps]);
    const [from, away] = [this.#at(folder), this.#at(this.#store.newTemp())];
    const left = await rename(from, away).then(
      () => away,
      () => from,
    );
    await rm(left, { recursive: true, force: true });
  }

  async *#contentOfParts(
    uploadId: string,
    parts: readonly UploadedPart[],
    checksum: ChecksumBuilder,
    signal: AbortSignal | undefined,
  ): Bytes {
    for (const part of parts) {
      const path = this.#contentOf(uploadId) + nameOf(part);
      const fd = await openFile(path, readFlags);
      const own = new ChecksumBuilder("crc32");
      for await (const piece of piecesOf(new OpenFile(fd, { start: 0, end: part.size }, signal))) {
        own.update(piece);
        checksum.update(piece);
        yield piece;
      }
      const [, digits] = etagForm.exec(part.etag) ?? [];
      if (digits === undefined || digits === digitsOf(own.digest())) continue;
      // It is not listed any more, so that it is sent again.
      await rm(path, { force: true });
      throw new ServiceError("corrupt", `part ${part.number} is damaged and was dropped: send it again`);
    }
  }

  /** The parts whose file has the size that its name says: the others are as if they were never sent. */
  async #kept(uploadId: string): Promise<KeptPart[]> {
    const folder = this.#contentOf(uploadId);
    const names = await readdir(folder);
    const kept = names.map(async (name) => {
      const [, number, etag, size] = partForm.exec(name) ?? [];
      if (etag === undefined) return [];
      const stats = await lstat(folder + name).catch(unlessGone);
      if (!stats?.isFile() || stats.size !== Number(size)) return [];
      return [{ part: { number: Number(number), etag, size: stats.size }, keptAtMs: stats.ctimeMs }];
    });
    return (await Promise.all(kept)).flat();
  }

  async #sort(uploadId: string, parts: readonly UploadedPart[]): Promise<UploadedPart[]> {
    const names = new Set((await this.#kept(uploadId)).map(({ part }) => nameOf(part)));
    const sorted = [...parts].sort((one, other) => one.number - other.number);
    for (const [index, part] of sorted.entries()) {
      const isKnown = etagForm.test(part.etag) && names.has(nameOf(part));
      if (!isKnown || sorted[index - 1]?.number === part.number) {
        throw new ServiceError("invalid_argument", `part ${part.number} is not as it was uploaded`);
      }
    }
    return sorted;
  }

  async #keep(
    uploadId: string,
    part: UploadedPart,
    file: TempFile,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { sync } = this.#store;
    let old: string[];
    try {
      await file.sync().finally(() => file.close());
      signal?.throwIfAborted();
      const folder = this.#contentOf(uploadId);
      // Before the part is there: two writers of one number that met must not remove each other's.
      old = (await readdir(folder)).filter((name) => name.startsWith(`${part.number}-`));
      await rename(this.#at(file.path), folder + nameOf(part));
    } catch (error) {
      await unlink(file.path).catch(() => undefined);
      throw errnoOf(error) === "ENOENT" ? noUpload() : error;
    }
    await sync.folder(this.#folder(uploadId));
    const folder = this.#contentOf(uploadId);
    await Promise.all(old.map((name) => rm(folder + name, { force: true })));
  }

  async #description(key: string, uploadId: string): Promise<ObjectDescription> {
    const note = await this.#note(uploadId);
    if (note?.key === key) return note.description;
    throw noUpload();
  }

  async #note(uploadId: string): Promise<UploadNote | undefined> {
    if (!uploadIdForm.test(uploadId)) return undefined;
    if (!this.#store.guard.isReal(this.#folder(uploadId))) {
      checkBase(this.#store);
      return undefined;
    }
    const path = `${this.#contentOf(uploadId)}upload.json`;
    try {
      return parseNote(await readFile(path, { encoding: "utf8", flag: readFlags }));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT" || errno === "ELOOP") return undefined;
      throw error;
    }
  }

  async #begunAt(uploadId: string): Promise<Date> {
    return (await stat(`${this.#contentOf(uploadId)}upload.json`)).mtime;
  }

  #folder(uploadId: string): string {
    return `${this.#store.layout.uploads}/${uploadId}`;
  }

  /**
   * A name of the folder of an upload that ends with `/`. It is named below the folder of all uploads, which stays open
   * while the thread pool works.
   */
  #contentOf(uploadId: string): string {
    const folder = this.#folder(uploadId);
    if (!this.#store.guard.isReal(folder)) throw noUpload();
    return `${this.#at(folder)}/`;
  }

  #at(path: string): string {
    return this.#store.guard.at(path);
  }
}

/** What {@link Uploads.create} wrote: a damaged description must not become that of an object. */
function parseNote(text: string): UploadNote {
  const { key, description: raw } = parseObject(text) ?? {};
  const description = descriptionIn(raw);
  if (typeof key === "string" && description !== undefined) return { key, description };
  throw new ServiceError("corrupt", "the note of the upload is damaged");
}

function unlessGone(error: unknown): undefined {
  if (errnoOf(error) !== "ENOENT") throw error;
}

/** What the ETag of a part says of its content. */
function digitsOf(crc: Checksum): string {
  return crc.slice("crc32:".length);
}

function nameOf({ number, etag, size }: UploadedPart): string {
  return `${number}-${etag}-${size}`;
}
