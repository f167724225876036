import { z } from "zod";
import type { CallOptions, ListedObject } from "../../contract/backend.js";
import { isStaged, type Key, reservedSegment, stagingRoot } from "../../contract/key.js";
import { ListingProgress } from "../../contract/listing-progress.js";
import { ServiceError } from "../../contract/service-error.js";
import { type Asset, keptKeyOf, parseAsset, sizeOf, writtenAt } from "./asset.js";
import type { CloudinaryClient } from "./client.js";
import type { PublicIds, ResourceType } from "./public-id.js";

/** An object of a listing, and the page of the service that has it. */
export interface AssetEntry extends ListedObject {
  /** The service's cursor of that page; empty for the first. */
  readonly page: string;
}

export interface PagesOptions extends CallOptions {
  readonly client: CloudinaryClient;
  readonly ids: PublicIds;
  readonly resourceType: ResourceType;
  /** What all public ids begin with; never empty, for only then the service sorts by public id. */
  readonly start: string;
  /** The page to begin with. */
  readonly page: string;
  /** 1 to 500. */
  readonly pageSize: number;
}

const pageShape = z.object({ resources: z.array(z.unknown()), next_cursor: z.string().optional() });

/**
 * The objects of one resource type, in the order of their keys. Cloudinary sorts by public id, which is the order
 * of the keys but for long ones that begin alike: those are held and sorted here.
 */
export class AssetPages {
  readonly #options: PagesOptions;
  /** Names of assets so far that others put below the folder and that are no keys, in order. */
  readonly strayNames: string[] = [];
  /** The page of the first of them since an object was given, which a listing that goes on with the next object begins at. */
  #strayPage: string | undefined;
  #lastId = "";
  #group = "";
  #held: AssetEntry[] = [];

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  async *entries(): AsyncGenerator<AssetEntry> {
    let page: string | undefined = this.#options.page;
    const progress = new ListingProgress(page);
    while (page !== undefined) {
      const { resources, next_cursor } = await this.#load(page);
      const assets = resources.map(parseAsset);
      progress.check(
        assets.map(({ publicId }) => publicId),
        next_cursor,
      );
      for (const asset of assets) yield* this.#take(asset, page);
      this.#options.onProgress?.();
      page = next_cursor;
    }
    yield* this.#release();
  }

  async #load(page: string): Promise<z.infer<typeof pageShape>> {
    const { client, resourceType, start, pageSize, signal } = this.#options;
    const parameters = [
      ["prefix", start],
      ["max_results", String(pageSize)],
      ["context", "true"],
      ...(page === "" ? [] : [["next_cursor", page] as const]),
    ] as const;
    const path = `resources/${resourceType}/authenticated`;
    const answer = pageShape.safeParse(await client.admin({ method: "GET", path, parameters, signal }));
    if (answer.success) return answer.data;
    throw new ServiceError("unavailable", "Cloudinary's answer is no list of assets");
  }

  *#take(asset: Asset, page: string): Generator<AssetEntry> {
    this.#checkOrder(asset.publicId);
    const { ids, resourceType, start } = this.#options;
    const key = ids.keyOf({ resourceType, publicId: asset.publicId }, keptKeyOf(asset));
    if (key === undefined) return this.#passOver(ids.nameOf(asset.publicId), page);
    if (isStaged(key) && !start.includes(`/${stagingRoot}`)) return;
    const group = ids.isLong(key) ? ids.groupOf(key) : "";
    if (group !== this.#group) yield* this.#release();
    const entry = {
      key,
      size: sizeOf(asset),
      lastModified: writtenAt(asset),
      page: this.#held[0]?.page ?? this.#strayPage ?? page,
    };
    this.#strayPage = undefined;
    if (group === "") return yield entry;
    this.#group = group;
    this.#held.push(entry);
  }

  #passOver(name: string, page: string): void {
    if (name.startsWith(`${reservedSegment}/`)) return;
    this.strayNames.push(name);
    this.#strayPage ??= page;
  }

  *#release(): Generator<AssetEntry> {
    const held = this.#held.sort((a, b) => compare(a.key, b.key));
    this.#held = [];
    this.#group = "";
    yield* held;
  }

  /** Cloudinary documents the order and not its alphabet: a wrong list would be worse than none. */
  #checkOrder(publicId: string): void {
    const last = this.#lastId;
    this.#lastId = publicId;
    if (Buffer.compare(Buffer.from(last), Buffer.from(publicId)) < 0) return;
    throw new ServiceError(
      "unsupported",
      "Cloudinary does not list these assets in the order of their bytes",
    );
  }
}

/** Keys are ASCII: the order of characters is that of bytes. */
export function compare(a: Key, b: Key): number {
  return a < b ? -1 : Number(a > b);
}
