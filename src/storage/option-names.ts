import { InvalidArgumentError } from "./contract/error.js";
import { quote } from "./contract/quote.js";
import type {
  CompleteOptions,
  CopyMoveOptions,
  DeleteOptions,
  DescribeOptions,
  ImportOptions,
  ListAllOptions,
  ListPageOptions,
  OpenOptions,
  PrepareOptions,
  PutOptions,
  SignalOption,
  UploadUrlOptions,
  UrlOptions,
} from "./options.js";
import type { SweepOptions } from "./uploads/sweep.js";

/** Every option of `T` and no other: a name that is missing or misspelled does not compile. */
type NamesOf<T> = { readonly [Name in keyof T]-?: true };

const signal: NamesOf<SignalOption> = { signal: true };
const describing: NamesOf<DescribeOptions> = {
  contentType: true,
  filename: true,
  metadata: true,
  cacheControl: true,
  contentEncoding: true,
  contentDisposition: true,
  contentLanguage: true,
};
const conditions = { ifAbsent: true, ifMatch: true } as const;
const putting: NamesOf<PutOptions> = {
  ...describing,
  ...conditions,
  ...signal,
  size: true,
  maxBytes: true,
  policy: true,
  checksum: true,
  digests: true,
};
const importing: NamesOf<ImportOptions> = {
  ...putting,
  timeoutMs: true,
  allowHttp: true,
  ports: true,
  allowPrivateAddresses: true,
};
const opening: NamesOf<OpenOptions> = { ...signal, range: true, ifMatch: true };
const deleting: NamesOf<DeleteOptions> = { ...signal, ifMatch: true };
const copying: NamesOf<CopyMoveOptions> = { ...conditions, ...signal, sourceIfMatch: true };
const reading: NamesOf<UrlOptions> = {
  expiresIn: true,
  stableFor: true,
  download: true,
  filename: true,
  cacheControl: true,
  transform: true,
  public: true,
};
const uploading: NamesOf<UploadUrlOptions> = { expiresIn: true, contentType: true, size: true };
const listingAll: NamesOf<ListAllOptions> = { ...signal, prefix: true };
const listingKeys: NamesOf<Omit<ListPageOptions, "delimiter">> = { ...listingAll, limit: true, cursor: true };
const listing: NamesOf<ListPageOptions> = { ...listingKeys, delimiter: true };
const preparing: NamesOf<PrepareOptions> = {
  ...describing,
  ...conditions,
  ...signal,
  size: true,
  checksum: true,
  policy: true,
  expiresIn: true,
};
const completing: NamesOf<CompleteOptions> = { ...signal, policy: true };
const sweeping: NamesOf<SweepOptions> = { ...signal, dryRun: true, now: true };

const creating: NamesOf<DescribeOptions & SignalOption> = { ...describing, ...signal };

/** The options of each call. */
const options = {
  put: putting,
  putFromUrl: importing,
  get: signal,
  open: opening,
  exists: signal,
  getMetadata: signal,
  delete: deleting,
  deleteMany: signal,
  deletePrefix: signal,
  copy: copying,
  move: copying,
  getUrl: reading,
  getUrls: reading,
  getUploadUrl: uploading,
  listKeys: listingKeys,
  list: listing,
  listAll: listingAll,
  listAllKeys: listingAll,
  prepareUpload: preparing,
  completeUpload: completing,
  abortUpload: signal,
  createUpload: creating,
  writePart: { ...signal, size: true, checksum: true },
  listParts: signal,
  complete: { ...conditions, ...signal, parts: true },
  abort: signal,
  sweep: sweeping,
  check: signal,
} as const;

/**
 * Options that a call does not know are mistakes, as the names that other libraries use: they would be dropped in silence,
 * and with them a condition.
 *
 * @throws InvalidArgumentError naming the option.
 */
export function checkOptionNames(call: keyof typeof options, given: object): void {
  for (const name in given) {
    if (Object.hasOwn(options[call], name)) continue;
    const most = Object.keys(options[call]).join(", ");
    throw new InvalidArgumentError({ message: `${call} has no option ${quote(name)}; it takes ${most}` });
  }
}
