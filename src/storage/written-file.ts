import type { ContentFields, LazyUrl, ObjectStat } from "./contract/backend.js";
import type { Checksum } from "./contract/checksum.js";
import type { Metadata } from "./contract/metadata.js";
import type { StoredFile } from "./options.js";

/** What `put` answers of an object that was written. Its URL is a property like the others, computed when it is read. */
export class WrittenFile implements StoredFile {
  readonly key: string;
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly filename: string | undefined;
  readonly metadata: Metadata;
  readonly checksum: Checksum | undefined;
  readonly cacheControl: ContentFields["cacheControl"];
  readonly contentEncoding: ContentFields["contentEncoding"];
  readonly contentDisposition: ContentFields["contentDisposition"];
  readonly contentLanguage: ContentFields["contentLanguage"];
  declare readonly url: string | undefined;
  readonly #lazyUrl: LazyUrl | undefined;
  #url: string | undefined;

  /** One for all: an accessor of its own for each object costs more than the rest of a small put. */
  static readonly #accessor: PropertyDescriptor & ThisType<WrittenFile> = {
    enumerable: true,
    get() {
      this.#url ??= this.#lazyUrl?.();
      return this.#url;
    },
  };

  constructor(stat: ObjectStat, lazyUrl: LazyUrl | undefined) {
    this.key = stat.key;
    this.size = stat.size;
    this.contentType = stat.contentType;
    this.etag = stat.etag;
    this.lastModified = stat.lastModified;
    this.filename = stat.filename;
    this.metadata = stat.metadata;
    this.checksum = stat.checksum;
    this.cacheControl = stat.cacheControl;
    this.contentEncoding = stat.contentEncoding;
    this.contentDisposition = stat.contentDisposition;
    this.contentLanguage = stat.contentLanguage;
    this.#lazyUrl = lazyUrl;
    Object.defineProperty(this, "url", WrittenFile.#accessor);
  }
}
