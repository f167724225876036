import type { WriteConditions } from "../../contract/backend.js";
import { refusal } from "../../contract/service-error.js";

/** Paths of the JSON API for one bucket. */
export class Paths {
  readonly bucket: string;
  readonly #objects: string;

  constructor(bucket: string) {
    this.bucket = bucket;
    this.#objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  }

  get objects(): string {
    return this.#objects;
  }

  get uploads(): string {
    return `/upload${this.#objects}`;
  }

  object(name: string): string {
    return `${this.#objects}/${encodeURIComponent(name)}`;
  }

  compose(name: string): string {
    return `${this.object(name)}/compose`;
  }

  rewrite(from: string, to: string): string {
    return `${this.object(from)}/rewriteTo${this.object(to).slice("/storage/v1".length)}`;
  }
}

/** The service decides them with the publication, in one step; generation 0 means that there is no object. */
export function conditionQuery({ ifAbsent, ifMatch }: WriteConditions): {
  readonly ifGenerationMatch?: string;
} {
  if (ifAbsent) return { ifGenerationMatch: "0" };
  return ifMatch === undefined ? {} : { ifGenerationMatch: checkGeneration(ifMatch) };
}

/** An ETag of another kind belongs to no version here. */
export function checkGeneration(etag: string): string {
  if (/^[1-9][0-9]{0,18}$/.test(etag)) return etag;
  const message = "the object is not the version that was asked for";
  throw refusal("precondition_failed", message);
}
