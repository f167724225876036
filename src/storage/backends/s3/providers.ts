/** Services that speak S3 and that the backend knows. `other` is any one else. */
export const s3Providers = [
  "aws",
  "r2",
  "minio",
  "spaces",
  "wasabi",
  "b2",
  "ceph",
  "swift",
  "other",
] as const;

/** A service that speaks S3, as `STORAGE_S3_PROVIDER` names it. */
export type S3Provider = (typeof s3Providers)[number];

/** What a service can do and how it wants to be asked. */
export interface ProviderTraits {
  /** The bucket is in the path, not in the host. */
  readonly pathStyle: boolean;
  /** Honours `If-None-Match: *` and `If-Match` of PutObject atomically. */
  readonly conditionalPut: boolean;
  /** Wants the ETag of such an `If-Match` in quotes, as RFC 9110 has it. */
  readonly quotesIfMatch: boolean;
  /** Honours them of CompleteMultipartUpload, too. */
  readonly conditionalComplete: boolean;
  /** Honours `If-Match` of DeleteObject atomically. */
  readonly conditionalRemove: boolean;
  /** Start of the headers that set conditions on the target of CopyObject, where it honours any. */
  readonly copyConditions: "if-" | "cf-copy-destination-if-" | undefined;
  /** Headers that name the version of the source of a copy; one that a service does not know does no harm. */
  readonly copySourceMatch: readonly string[];
  /** Copies the version that they name in one request, and no other, also when the source is replaced meanwhile. */
  readonly conditionalCopySource: boolean;
  /** Checks `x-amz-checksum-crc32` of content, and `Content-MD5` of parts. */
  readonly checksums: boolean;
  /** Has DeleteObjects. */
  readonly bulkDelete: boolean;
  /** Takes parts of an upload that is complete already, as if it were not. */
  readonly reopensUploads: boolean;
  /** Most parts of an object. */
  readonly maxParts: number;
  /** Keeps `_` apart from `-` in the names of metadata. */
  readonly keepsUnderscores: boolean;
  /** Most bytes of all names and values of metadata. */
  readonly maxMetadataBytes: number;
  /** Most bytes of one value of metadata. */
  readonly maxMetadataValueBytes: number;
}

/** What every service can do; of an unknown one nothing more is assumed. */
const least: ProviderTraits = {
  pathStyle: true,
  conditionalPut: false,
  quotesIfMatch: true,
  conditionalComplete: false,
  conditionalRemove: false,
  copyConditions: undefined,
  copySourceMatch: ["x-amz-copy-source-if-match"],
  conditionalCopySource: false,
  checksums: false,
  bulkDelete: false,
  reopensUploads: false,
  maxParts: 10_000,
  keepsUnderscores: false,
  maxMetadataBytes: 2048,
  maxMetadataValueBytes: 2048,
};

/** Ceph ignores the header that S3 has, and takes one of its own (16.2). */
const copySourceMatchOfCeph = [...least.copySourceMatch, "x-amz-copy-if-match"];

/** The services by name. */
export const providerTraits: { readonly [P in S3Provider]: ProviderTraits } = {
  aws: {
    ...least,
    pathStyle: false,
    conditionalPut: true,
    conditionalComplete: true,
    conditionalRemove: true,
    copyConditions: "if-",
    conditionalCopySource: true,
    checksums: true,
    bulkDelete: true,
    keepsUnderscores: true,
  },
  r2: {
    ...least,
    conditionalPut: true,
    conditionalComplete: true,
    copyConditions: "cf-copy-destination-if-",
    bulkDelete: true,
    maxMetadataBytes: 8192,
    maxMetadataValueBytes: 8192,
  },
  minio: { ...least, conditionalPut: true, checksums: true, bulkDelete: true },
  spaces: { ...least, pathStyle: false, bulkDelete: true },
  wasabi: { ...least, bulkDelete: true },
  b2: { ...least, bulkDelete: true },
  ceph: {
    ...least,
    conditionalPut: true,
    quotesIfMatch: false,
    copySourceMatch: copySourceMatchOfCeph,
    conditionalCopySource: true,
    bulkDelete: true,
    maxMetadataBytes: 4096,
  },
  swift: {
    ...least,
    bulkDelete: true,
    reopensUploads: true,
    maxParts: 1000,
    maxMetadataBytes: 4096,
    maxMetadataValueBytes: 256,
  },
  other: { ...least, copySourceMatch: copySourceMatchOfCeph },
};

const hosts: readonly (readonly [pattern: RegExp, provider: S3Provider])[] = [
  [/(?:^|\.)amazonaws\.com(?:\.cn)?$/, "aws"],
  [/(?:^|\.)r2\.cloudflarestorage\.com$/, "r2"],
  [/(?:^|\.)digitaloceanspaces\.com$/, "spaces"],
  [/(?:^|\.)wasabisys\.com$/, "wasabi"],
  [/(?:^|\.)backblazeb2\.com$/, "b2"],
];

/** Whether an endpoint reaches the buckets that are reached without one: those of AWS in all regions but China's. */
export function isWorldwideAws(endpoint: string): boolean {
  return /(?:^|\.)amazonaws\.com$/.test(new URL(endpoint).hostname);
}

/** The service that an endpoint belongs to, by its host; AWS without an endpoint. */
export function detectProvider(endpoint: URL | undefined): S3Provider {
  if (endpoint === undefined) return "aws";
  return hosts.find(([pattern]) => pattern.test(endpoint.hostname))?.[1] ?? "other";
}
