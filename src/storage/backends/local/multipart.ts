import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import type {
  Body,
  CallOptions,
  ObjectDescription,
  UploadedPart,
  WriteConditions,
} from "../../contract/backend.js";
import { descriptionOf } from "../../contract/description.js";
import { DiskError, errnoOf } from "./disk-error.js";
import { checkOwnFolder } from "./folders.js";
import { Incoming } from "./incoming.js";
import type { OpenStore } from "./open-store.js";
import type { Described } from "./record.js";
import type { Store } from "./store.js";
import type { TempFile } from "./temp-file.js";
import { randomToken } from "./temp-name.js";
import { folderMode, readFlags } from "./whole-file.js";
import { writeTemp } from "./write-temp.js";

const uploadIdForm = /^[0-9a-f]{48}$/;
const etagForm = /^[0-9a-f]{24}$/;
const partForm = /^(\d{1,5})-([0-9a-f]{24})-(\d+)$/;
const maxPartNumber = 10_000;

interface UploadNote {
  readonly key: string;
  readonly description: ObjectDescription;
}

/** Uploads in parts: a folder each, a file for each part whose name says its number, ETag and size. */
export class Uploads {
  readonly #open: OpenStore;
  readonly #store: Store;

  constructor(open: OpenStore) {
    this.#open = open;
    this.#store = open.store;
  }

  async create(key: string, description: ObjectDescription): Promise<string> {
    const uploadId = randomToken() + randomToken();
    const note: UploadNote = { key, description: descriptionOf(description) };
    const { layout } = this.#store;
    await Promise.all([layout.temps, layout.uploads].map((path) => checkOwnFolder(this.#store, path)));
    const temp = this.#store.newTemp();
    await mkdir(temp, { mode: folderMode });
    await writeFile(`${temp}/upload.json`, JSON.stringify(note), { flag: "wx", mode: 0o600 });
    await rename(temp, this.#folder(uploadId));
    return uploadId;
  }

  async #description(key: string, uploadId: string): Promise<ObjectDescription> {
    const note = await this.#note(uploadId);
    if (note?.key === key) return note.description;
    throw new DiskError("not_found", "there is no upload of this id to this key");
  }

  /** Ends an upload to this key, if there is one of this id. */
  async abort(key: string, uploadId: string): Promise<void> {
    if ((await this.#note(uploadId))?.key === key) await this.#drop(uploadId);
  }

  async writePart(
    key: string,
    uploadId: string,
    number: number,
    body: Body,
    { signal, onProgress }: CallOptions,
  ): Promise<UploadedPart> {
    if (!Number.isInteger(number) || number < 1 || number > maxPartNumber) {
      throw new DiskError("invalid_argument", `part numbers are 1 to ${maxPartNumber}`);
    }
    await this.#description(key, uploadId);
    const file = await writeTemp(this.#store, new Incoming(body, signal), { onProgress });
    const part = { number, etag: randomToken(), size: file.size };
    await this.#keep(uploadId, part, file, signal);
    return part;
  }

  /** The parts that are there, in the order of their numbers. */
  async list(key: string, uploadId: string): Promise<readonly UploadedPart[]> {
    await this.#description(key, uploadId);
    const parts = new Map<number, UploadedPart>();
    for (const name of await readdir(this.#folder(uploadId))) {
      const [, number, etag, size] = partForm.exec(name) ?? [];
      if (etag !== undefined) parts.set(Number(number), { number: Number(number), etag, size: Number(size) });
    }
    return [...parts.values()].sort((one, other) => one.number - other.number);
  }

  /** Joins the parts into the object; what is left of an upload that succeeded is swept one day. */
  async complete(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
    { ifAbsent, ifMatch, ...options }: CallOptions & WriteConditions,
  ): Promise<Described> {
    const description = await this.#description(key, uploadId);
    const paths = await this.#paths(uploadId, parts);
    const draft = { ...description, version: randomToken(), size: 0, checksum: undefined };
    const job = { key, draft, ifAbsent, ifMatch, parts: paths };
    const described = await this.#open.commit("assemble", key, job, options);
    await this.#drop(uploadId).catch(() => undefined);
    return described;
  }

  /** Paths of the parts, in the order of their numbers. */
  async #paths(uploadId: string, parts: readonly UploadedPart[]): Promise<string[]> {
    const names = new Set(await readdir(this.#folder(uploadId)));
    const sorted = [...parts].sort((one, other) => one.number - other.number);
    return sorted.map((part, index) => {
      const isKnown = etagForm.test(part.etag) && names.has(nameOf(part));
      if (!isKnown || sorted[index - 1]?.number === part.number) {
        throw new DiskError("invalid_argument", `part ${part.number} is not as it was uploaded`);
      }
      return `${this.#folder(uploadId)}/${nameOf(part)}`;
    });
  }

  async #drop(uploadId: string): Promise<void> {
    const folder = this.#folder(uploadId);
    if (await this.#store.realFolders.isRealLater(folder)) await rm(folder, { recursive: true, force: true });
  }

  async #keep(
    uploadId: string,
    part: UploadedPart,
    file: TempFile,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const folder = this.#folder(uploadId);
    await file.close();
    try {
      signal?.throwIfAborted();
      if (!(await this.#store.realFolders.isRealLater(folder))) throw uploadEnded();
      await rename(file.path, `${folder}/${nameOf(part)}`);
    } catch (error) {
      await unlink(file.path).catch(() => undefined);
      throw errnoOf(error) === "ENOENT" ? uploadEnded() : error;
    }
    const old = (await readdir(folder)).filter(
      (name) => name.startsWith(`${part.number}-`) && name !== nameOf(part),
    );
    await Promise.all(old.map((name) => rm(`${folder}/${name}`, { force: true })));
  }

  async #note(uploadId: string): Promise<UploadNote | undefined> {
    if (!uploadIdForm.test(uploadId)) return undefined;
    const folder = this.#folder(uploadId);
    if (!(await this.#store.realFolders.isRealLater(folder))) return undefined;
    try {
      const text = await readFile(`${folder}/upload.json`, { encoding: "utf8", flag: readFlags });
      return JSON.parse(text) as UploadNote;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT" || errno === "ELOOP") return undefined;
      throw error;
    }
  }

  #folder(uploadId: string): string {
    return `${this.#store.layout.uploads}/${uploadId}`;
  }
}

function uploadEnded(): DiskError {
  return new DiskError("not_found", "the upload was ended meanwhile");
}

function nameOf({ number, etag, size }: UploadedPart): string {
  return `${number}-${etag}-${size}`;
}
