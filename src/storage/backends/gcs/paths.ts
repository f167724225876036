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
