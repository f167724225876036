import { createHash } from "node:crypto";
import { StorageConfigurationError } from "../../contract/error.js";
import { isObjectName, type Key, type Prefix } from "../../contract/key.js";

/** Where Cloudinary keeps an asset: images and videos can be transformed, raw files are kept as they are. */
export const resourceTypes = ["image", "video", "raw"] as const;
export type ResourceType = (typeof resourceTypes)[number];

/** What Cloudinary calls an object. */
export interface AssetAddress {
  readonly resourceType: ResourceType;
  readonly publicId: string;
}

const typeOfExtension: ReadonlyMap<string, ResourceType> = new Map([
  ...["avif", "gif", "jpeg", "jpg", "png", "webp"].map((extension) => [extension, "image"] as const),
  ...["mov", "mp4", "webm"].map((extension) => [extension, "video"] as const),
]);

/** Longest public id that Cloudinary takes, in characters. */
const maxIdLength = 255;
const hashLength = 43;

/**
 * Elements of a path that Cloudinary keeps for itself: versions, and the words of its SEO addresses. They get a
 * mark that no key can hold. It stands where it leaves their order as it was: `.` comes right before `/`.
 */
const reservedElement = /(?<=^|\/)(v[0-9]+|images|videos)\//g;
const mark = ".\u00fe/";

/** The one address of each key, and back: by the extension, below a folder, in the order of the keys' bytes. */
export class PublicIds {
  readonly #root: string;
  readonly #maxPlainLength: number;

  /** @throws StorageConfigurationError for a folder that has no plain name. */
  constructor(folder: string) {
    if (!/^(?!v[0-9]+$|images$|videos$)[A-Za-z0-9_-]{1,64}$/.test(folder)) {
      const message =
        "STORAGE_CLOUDINARY_FOLDER may hold A-Z a-z 0-9 _ - (64 at most), and no 'v1', 'images', 'videos'";
      throw new StorageConfigurationError({ message });
    }
    this.#root = `${folder}/`;
    this.#maxPlainLength = maxIdLength - this.#root.length - hashLength - 1;
  }

  addressOf(key: Key): AssetAddress {
    const name = escapePath(key);
    const publicId = this.isLong(key) ? `${this.groupOf(key)}.${hashOf(key)}` : this.#root + name;
    return { resourceType: resourceTypeOf(key), publicId };
  }

  /** Whether the address does not hold the whole key, which then has to be kept beside it. */
  isLong(key: Key): boolean {
    return escapePath(key).length > this.#maxPlainLength;
  }

  /** What the addresses of long keys that begin alike have in common; their own order is another one. */
  groupOf(key: Key): string {
    return this.#root + escapePath(key).slice(0, this.#maxPlainLength);
  }

  /** What the address of every key with this prefix begins with. */
  startOf(prefix: Prefix): string {
    return this.#root + escapePath(prefix).slice(0, this.#maxPlainLength);
  }

  /** The key-like part of a public id, also where it is no key. */
  nameOf(publicId: string): string {
    return publicId.slice(this.#root.length).replaceAll(mark, "/");
  }

  /**
   * The key of an address; `undefined` for an asset that this backend did not make.
   *
   * @param kept - the key that was kept beside the asset, where there is one.
   */
  keyOf({ resourceType, publicId }: AssetAddress, kept: string | undefined): Key | undefined {
    const key = kept ?? this.nameOf(publicId);
    if (!isObjectName(key)) return undefined;
    const address = this.addressOf(key);
    return address.publicId === publicId && address.resourceType === resourceType ? key : undefined;
  }
}

/** By the extension alone, so that every call finds the object without looking. */
export function resourceTypeOf(key: Key): ResourceType {
  const extension = /\.([A-Za-z0-9]+)$/.exec(key)?.[1] ?? "";
  return typeOfExtension.get(extension.toLowerCase()) ?? "raw";
}

function escapePath(path: string): string {
  return path.replace(reservedElement, `$1${mark}`);
}

function hashOf(key: Key): string {
  return createHash("sha256").update(key).digest("base64url");
}
