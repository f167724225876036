import type { FastifyReply, FastifyRequest } from "fastify";
import {
  type AnyRequest,
  badRequest,
  drainAfterError,
  HttpError,
  requestOf,
  statedDigests,
  withDigests,
} from "../../../http/index.js";
import { type SizeLimit, smallerLimit } from "../../content/size-check.js";
import { StorageConfigurationError } from "../../contract/error.js";
import { parseKey } from "../../contract/key.js";
import type { PutOptions, StoredFile } from "../../options.js";
import type { PolicyOptions } from "../../policy/index.js";
import { Policy } from "../../policy/policy.js";
import type { StorageFiles } from "../../storage-files.js";
import { TenantStorage } from "../../tenant-storage.js";
import { getStorage } from "../get-storage.js";
import { boundaryOf, maxEnvelopeBytes } from "./form-entry.js";
import { type IncomingFile, IncomingForm, type OpenedPart } from "./incoming-form.js";
import { openBody } from "./open-body.js";
import { checkType, isForm, putContent } from "./upload.js";
import { type UploadRules, uploadRulesOf } from "./upload-rules.js";

/** Options of {@link receiveUpload}: where the files go, and what they must satisfy besides what the storage demands. */
export interface ReceiveUploadOptions
  extends Pick<PolicyOptions, "maxBytes" | "types" | "mismatch" | "scan">,
    Pick<
      PutOptions,
      "metadata" | "cacheControl" | "contentDisposition" | "contentLanguage" | "ifAbsent" | "signal"
    > {
  /** The key of the one file that the form may have, or what tells the key of each file. `safeKey` makes a segment of any file name. */
  readonly key: string | ((file: IncomingFile, fields: URLSearchParams) => string | Promise<string>);
  /** Fewest files. Default: 1. */
  readonly minFiles?: number | undefined;
  /** Most files, at most 100. Default: 1 with one key, else 10. */
  readonly maxFiles?: number | undefined;
  /** Where to store, as a tenant's part of the storage. Default: the app's storage. */
  readonly storage?: StorageFiles | undefined;
}

/** A file of a form that was stored. */
export interface ReceivedFile extends IncomingFile {
  readonly stored: StoredFile;
}

/** What {@link receiveUpload} answers. */
export interface ReceivedUpload {
  /** In the order of the form. */
  readonly files: readonly ReceivedFile[];
  /** The form's fields; a name that is there several times has all its values by `getAll`. */
  readonly fields: URLSearchParams;
}

const optionNames: ReadonlySet<string> = new Set<keyof ReceiveUploadOptions>([
  "key",
  "maxBytes",
  "types",
  "mismatch",
  "scan",
  "metadata",
  "cacheControl",
  "contentDisposition",
  "contentLanguage",
  "ifAbsent",
  "signal",
  "minFiles",
  "maxFiles",
  "storage",
]);

const mostFiles = 100;

/** Requests whose form `receiveUpload` reads. When one is refused, `drainRefusedForm` drops the rest. */
const begun = new WeakSet<object>();

/**
 * Stores the files of a form (`multipart/form-data`) as they stream in, in a route of the application's own. The storage's
 * policy and limits hold; the options narrow them. A file is visible only when it was whole and what follows it in the form
 * is sound, so that a cut form never leaves a cut file. Files before the one that failed stay, unless `ifAbsent` says that
 * this request made them: then they are deleted again.
 *
 * @throws HttpError for a form that is not sound, StorageError for content that is refused. Both have a `code`, and a
 * `statusCode` that Fastify answers with, 429 for one more upload than the rate limits allow; StorageConfigurationError for a
 * wrong option.
 *
 * @example
 * app.post("/photos", async (request) => {
 *   const key = ({ filename = "photo" }) => `photos/${crypto.randomUUID()}/${safeKey(filename)}`;
 *   const { files, fields } = await receiveUpload(request, { key, maxBytes: "5MB", types: ["image/*"] });
 *   return { title: fields.get("title"), urls: files.map(({ stored }) => stored.url) };
 * });
 */
export async function receiveUpload(
  from: AnyRequest,
  options: ReceiveUploadOptions,
): Promise<ReceivedUpload> {
  const request = requestOf(from);
  const receiving = new Receiving(request, options);
  await receiving.countForRateLimit();
  const form = await receiving.openForm();
  const files: ReceivedFile[] = [];
  try {
    for (let next = await form.nextFile(); next !== undefined; next = await form.nextFile()) {
      files.push(await receiving.store(next, form.fields));
    }
    receiving.checkMinFiles(files.length);
    return { files, fields: form.fields };
  } catch (error) {
    await receiving.undo(files);
    throw error;
  } finally {
    form.stop();
  }
}

/** An `onSend` hook: a form that was refused is not read to its end, and its client still gets to see the answer. */
export function drainRefusedForm(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: null, payload: unknown) => void,
): void {
  if (begun.has(request.raw)) drainAfterError(request, reply, payload, done);
  else done(null, payload);
}

/** One call of {@link receiveUpload}. */
class Receiving {
  readonly #request: FastifyRequest;
  readonly #options: ReceiveUploadOptions;
  readonly #storage: StorageFiles;
  readonly #policy: PolicyOptions;
  readonly #limit: Required<SizeLimit>;
  readonly #maxFiles: number;
  readonly #minFiles: number;
  readonly #rules: UploadRules;

  constructor(request: FastifyRequest, options: ReceiveUploadOptions) {
    checkNames(options);
    const { key, maxBytes, types, mismatch, scan } = options;
    if (typeof key !== "string" && typeof key !== "function") {
      throw wrong("key must be a key, or a function that answers the key of each file");
    }
    this.#request = request;
    this.#options = options;
    this.#policy = { maxBytes, types, mismatch, scan };
    this.#storage = options.storage ?? getStorage(request);
    this.#rules = uploadRulesOf(request, this.#storage);
    this.#limit = smallerLimit(this.#rules.maxBytes, Policy.of(this.#policy).maxBytesOf(""));
    this.#maxFiles = checkFileLimit("maxFiles", options.maxFiles ?? (typeof key === "string" ? 1 : 10), 1);
    this.#minFiles = checkFileLimit("minFiles", options.minFiles ?? 1, 0);
    if (this.#minFiles > this.#maxFiles) throw wrong("minFiles must not be above maxFiles");
    if (typeof key === "string" && this.#maxFiles > 1) {
      throw wrong("one key is for one file; with maxFiles above 1 key must be a function");
    }
  }

  /** Counts the request as one more upload of its address, and of the tenant whose storage it goes to. */
  async countForRateLimit(): Promise<void> {
    const tenant = this.#storage instanceof TenantStorage ? this.#storage.tenant : undefined;
    await this.#rules.countRequest(this.#request, undefined, "uploads", { tenant });
  }

  /** Refuses a request that its headers alone make invalid. */
  async openForm(): Promise<IncomingForm> {
    const request = this.#request;
    const { raw, headers } = request;
    if (!isForm(request)) {
      throw new HttpError(415, "unsupported_type", "this route takes multipart/form-data");
    }
    if (raw.readableDidRead) {
      throw wrong(
        "the request body was already read, as @fastify/multipart does with attachFieldsToBody; only one of the two may read it",
      );
    }
    begun.add(raw);
    const limit = {
      maxBytes: this.#limit.maxBytes * this.#maxFiles,
      envelopeBytes: maxEnvelopeBytes,
      setBy: this.#limit.setBy,
    };
    const boundary = boundaryOf(headers["content-type"] ?? "");
    const content = await openBody(request, limit, this.#rules.byteRate);
    const body = withDigests(content, statedDigests(headers));
    return new IncomingForm(body, { boundary, maxFiles: this.#maxFiles });
  }

  async store({ file, content }: OpenedPart, fields: URLSearchParams): Promise<ReceivedFile> {
    const { key, metadata, cacheControl, contentDisposition, contentLanguage, ifAbsent } = this.#options;
    const ofFile = parseKey(typeof key === "string" ? key : await key(file, fields));
    const upload = { storage: this.#storage, maxBytes: this.#rules.maxBytes, signal: this.#options.signal };
    const stored = await putContent(upload, ofFile, content, {
      contentType: checkType(file.contentType),
      filename: file.filename,
      policy: this.#policy,
      metadata,
      cacheControl,
      contentDisposition,
      contentLanguage,
      ifAbsent,
    });
    this.#request.log.info({ key: ofFile, size: stored.size }, "file uploaded");
    return { ...file, stored };
  }

  checkMinFiles(files: number): void {
    if (files >= this.#minFiles) return;
    throw badRequest(
      files === 0 ? "the form has no file" : `the form has fewer than ${this.#minFiles} files`,
    );
  }

  /** Deletes only the versions that this request made: what it replaced cannot come back. */
  async undo(files: readonly ReceivedFile[]): Promise<void> {
    if (this.#options.ifAbsent !== true) return;
    for (const { stored } of files) {
      await this.#deleteVersion(stored).catch((error: unknown) => {
        this.#request.log.warn({ err: error, key: stored.key }, "a file of a refused form was left behind");
      });
    }
  }

  async #deleteVersion({ key, etag }: StoredFile): Promise<void> {
    const storage = this.#storage;
    if (storage.capabilities.conditionalRemove) await storage.delete(key, { ifMatch: etag });
    else if ((await storage.getMetadata(key)).etag === etag) await storage.delete(key);
  }
}

function checkFileLimit(name: string, count: number, min: number): number {
  if (Number.isInteger(count) && count >= min && count <= mostFiles) return count;
  throw wrong(`${name} must be a whole number from ${min} to ${mostFiles}`);
}

function checkNames(options: ReceiveUploadOptions): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw wrong("it takes an object of options like { key: (file) => file.filename }");
  }
  const unknown = Object.keys(options).find((name) => !optionNames.has(name));
  if (unknown === undefined) return;
  throw wrong(`there is no option '${unknown}'; known are ${[...optionNames].join(", ")}`);
}

/** A wrong call: the fault of the application, not of the client. */
function wrong(message: string): StorageConfigurationError {
  return new StorageConfigurationError({ message: `receiveUpload: ${message}` });
}
