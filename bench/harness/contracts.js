/**
 * What the cases ask of an adapter. An adapter has the methods that its library offers, and only these;
 * a case is run with the adapters that have what it needs.
 *
 * @typedef {object} Store
 * @property {(key: string, bytes: Uint8Array) => Promise<unknown>} put
 * @property {(key: string) => Promise<Uint8Array | null>} get
 * @property {(key: string, source: AsyncIterable<Uint8Array>) => Promise<unknown>} putStream
 * @property {(key: string) => Promise<AsyncIterable<Uint8Array>>} getStream
 * @property {(key: string) => Promise<{ size: number | undefined }>} stat
 * @property {() => Promise<number>} countAll Lists everything and says how many there were.
 * @property {() => Promise<number>} [countByPages] The same by pages of 1,000 objects with size and date; only where a page does not read the whole folder.
 * @property {() => Promise<string[]>} firstPage 100 keys from the start.
 * @property {(cursor: string) => Promise<string[]>} middlePage 100 keys from `cursor` on.
 * @property {(cursor: string | undefined) => Promise<{ items: readonly unknown[], next: string | undefined }>} pageOf1000 The page of 1,000 keys behind `cursor`, and where the next one begins.
 * @property {() => Promise<string>} middleCursor Where the page in the middle begins, in the adapter's own form.
 * @property {(key: string) => Promise<string> | string} sign A URL that reads the object for an hour.
 * @property {(url: string) => boolean} verify Whether a signed URL is ours and holds.
 * @property {() => Promise<string[]>} allKeys Lists everything by pages of 1,000 objects with size and date, and answers the keys.
 * @property {readonly string[]} [leavesOut] What a listing passes over, since it is no key to this store.
 * @property {Required<import("../servers/answer.js").Served>} served What a server says of itself; only of servers.
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Adapter
 * @property {string} name
 * @property {string} layout Adapters with the same layout on disk share what was prepared.
 * @property {(options: OpenOptions) => Promise<Partial<Store>>} open
 */

/**
 * @typedef {object} OpenOptions
 * @property {string} dir
 * @property {boolean} isDurable
 * @property {string} endpoint Of the stub of S3; empty where the case has none.
 */

/**
 * @typedef {object} CaseContext
 * @property {string} dir Folder of this adapter's data.
 * @property {number} scale 1, or less for a quick look.
 * @property {(dir?: string) => Promise<Store>} open
 * @property {() => Promise<Store>} openSpare In memory and without syncs, to get warm on.
 */

/**
 * @typedef {object} Case
 * @property {string} id
 * @property {string} title
 * @property {readonly string[]} adapters The first one is the limit.
 * @property {"ops/s" | "MB/s" | "ms"} unit
 * @property {boolean} [isOnDisk] Needs a real disk; its data is never deleted by a run.
 * @property {boolean} [isDurable]
 * @property {boolean} [isOnS3] Needs the stub of S3.
 * @property {(context: CaseContext) => Promise<void>} [prepare] Done once for each layout, in a process of its own.
 * @property {(context: CaseContext) => Promise<Record<string, import("./measure.js").Measure>>} run
 */

export {};
