import type { ContainerListBlobsOptions } from "@azure/storage-blob";
import type { ListedObject, ListOptions, ListPage } from "../../contract/backend.js";
import { isKey, isListed, reservedSegment } from "../../contract/key.js";
import { ListingProgress } from "../../contract/listing-progress.js";
import type { AzureAccess } from "./access.js";
import { knownSize } from "./blob-stat.js";
import type { OpenContainer } from "./client.js";

/** What the service gives of a page. */
interface Segment {
  readonly blobs: readonly { readonly name: string; readonly properties: BlobProperties }[];
  readonly prefixes: readonly { readonly name: string }[];
  /** Where the next one begins. */
  readonly marker: string | undefined;
}

interface BlobProperties {
  readonly contentLength?: number;
  readonly lastModified: Date;
}

/** One page. The service may give less than was asked for, and names that are no keys are left out: then it is asked on. */
export async function listObjects({ client, seal }: AzureAccess, options: ListOptions): Promise<ListPage> {
  const { prefix, delimiter, limit, signal } = options;
  // A key cannot hold a line feed, so the text has one meaning.
  const listing = `${prefix}\n${delimiter ?? ""}`;
  let marker = options.cursor === undefined ? undefined : seal.open(listing, options.cursor);
  const progress = new ListingProgress(marker);
  const items: ListedObject[] = [];
  const prefixes: string[] = [];
  const passedOver: string[] = [];
  do {
    const left = limit - items.length - prefixes.length;
    const segment = await client.send(signal, (container, abortSignal) =>
      nextSegment(container, { prefix, delimiter, marker, size: left, abortSignal }),
    );
    progress.check(
      [...segment.blobs, ...segment.prefixes].map(({ name }) => name),
      segment.marker,
    );
    items.push(...segment.blobs.flatMap((blob) => listed(blob, prefix)));
    passedOver.push(...segment.blobs.flatMap(strayNameOf));
    prefixes.push(...segment.prefixes.map(({ name }) => name).filter(isStartOfKeys));
    marker = segment.marker;
  } while (marker !== undefined && items.length + prefixes.length < limit);
  const cursor = marker === undefined ? undefined : seal.close(listing, marker);
  return { items, prefixes, passedOver, cursor };
}

interface SegmentOptions {
  readonly prefix: string;
  readonly delimiter: "/" | undefined;
  readonly marker: string | undefined;
  readonly size: number;
  readonly abortSignal: AbortSignal;
}

async function nextSegment({ client }: OpenContainer, options: SegmentOptions): Promise<Segment> {
  const { prefix, delimiter, marker, size, abortSignal } = options;
  const listing: ContainerListBlobsOptions = { prefix, abortSignal };
  const paging = { maxPageSize: size, ...(marker !== undefined && { continuationToken: marker }) };
  if (delimiter === undefined) {
    const { value } = await client.listBlobsFlat(listing).byPage(paging).next();
    return { blobs: value.segment.blobItems, prefixes: [], marker: markerOf(value.continuationToken) };
  }
  const { value } = await client.listBlobsByHierarchy(delimiter, listing).byPage(paging).next();
  const { blobItems, blobPrefixes = [] } = value.segment;
  return { blobs: blobItems, prefixes: blobPrefixes, marker: markerOf(value.continuationToken) };
}

function markerOf(token: string | undefined): string | undefined {
  return token === "" ? undefined : token;
}

function listed({ name, properties }: Segment["blobs"][number], prefix: string): ListedObject[] {
  if (!isListed(name, prefix)) return [];
  return [{ key: name, size: knownSize(properties.contentLength), lastModified: properties.lastModified }];
}

/** An empty blob that stands for a folder is missed by no caller. */
function strayNameOf({ name, properties }: Segment["blobs"][number]): string[] {
  if (isKey(name) || name.startsWith(`${reservedSegment}/`)) return [];
  return name.endsWith("/") && properties.contentLength === 0 ? [] : [name];
}

/** Those of other programs' names lead to nothing. */
function isStartOfKeys(start: string): boolean {
  return isKey(start.slice(0, -1));
}
