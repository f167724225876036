import type { Storage } from "../../storage/index.js";
import type { DataSubject, PersonalData } from "./personal-data.js";

/** Keys whose URLs are made at once. */
const batchSize = 500;

/** The prefix that the files of a user have in every storage. */
export function userPrefix(userId: string): string {
  // The id of an organisation is a UUID, so that no user shares a prefix with one.
  return `user-${userId}`;
}

/**
 * The files of users and of their organisations as {@link PersonalData}: those that `userFiles` and `tenantFiles` let them
 * reach. An export names each file with a URL that works for an hour, where the storage has URLs.
 *
 * @param storage - called when it is needed, so that the storage may be added later.
 * @example
 * const { accounts } = await addAuthUsers(app);
 * await addStorage(app, archive, { decorator: "archive", authorize: userFiles() });
 * accounts.add("archive", storedFiles(() => getStorage(app, "archive")));
 */
export function storedFiles(storage: () => Storage | undefined): PersonalData {
  return {
    export: async (subject) => {
      const files: StoredFileFacts[] = [];
      for (const prefix of prefixesOf(subject)) files.push(...(await filesBelow(storage(), prefix)));
      return files;
    },
    erase: async (subject) => {
      for (const prefix of prefixesOf(subject)) await storage()?.deletePrefix(prefix);
    },
  };
}

interface StoredFileFacts {
  readonly key: string;
  readonly size: number;
  readonly lastModified: string;
  readonly url: string | null;
}

function prefixesOf({ id, tenants }: DataSubject): readonly string[] {
  return [userPrefix(id), ...tenants];
}

async function filesBelow(storage: Storage | undefined, prefix: string): Promise<StoredFileFacts[]> {
  const files: StoredFileFacts[] = [];
  if (storage === undefined) return files;
  for await (const { key, size, lastModified } of storage.listAll({ prefix: `${prefix}/` })) {
    files.push({ key, size, lastModified: lastModified.toISOString(), url: null });
  }
  if (storage.capabilities.signGet === false) return files;
  const signed: StoredFileFacts[] = [];
  for (let at = 0; at < files.length; at += batchSize) {
    const batch = files.slice(at, at + batchSize);
    const urls = await storage.getUrls(batch.map(({ key }) => key));
    signed.push(...batch.map((file, index) => ({ ...file, url: urls[index] ?? null })));
  }
  return signed;
}
