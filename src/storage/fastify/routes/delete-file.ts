import type { FastifyReply, FastifyRequest } from "fastify";
import { clientSignal } from "../../../http/index.js";
import { FileNotFoundError } from "../../contract/error.js";
import type { FileDetails, SignalOption } from "../../options.js";
import type { StorageFiles } from "../../storage-files.js";
import { checkedVersion } from "../upload/write-conditions.js";

/**
 * Deletes the object that a request names, if the conditions of the request allow it.
 *
 * @throws FileNotFoundError when there is none.
 */
export async function deleteFile(
  request: FastifyRequest,
  reply: FastifyReply,
  storage: StorageFiles,
  key: string,
): Promise<void> {
  const options = { signal: clientSignal(reply) };
  const file = await find(storage, key, options);
  const version = checkedVersion(request.headers, file);
  const isConditional = hasChangeConditions(request) && storage.capabilities.conditionalRemove;
  const isDeleted = await storage.delete(key, { ...options, ...(isConditional ? { ifMatch: version } : {}) });
  // Where a deletion cannot tell whether there was an object, what was found before it has to do.
  if (!isDeleted && storage.capabilities.exactDelete) throw noSuchObject(key);
  request.log.info({ key, size: file.size }, "file deleted");
}

function hasChangeConditions({ headers }: Pick<FastifyRequest, "headers">): boolean {
  return headers["if-match"] !== undefined || headers["if-unmodified-since"] !== undefined;
}

/** What is to be deleted. The error does not mention that it was looked up first. */
async function find(storage: StorageFiles, key: string, options: SignalOption): Promise<FileDetails> {
  try {
    return await storage.getMetadata(key, options);
  } catch (error) {
    throw error instanceof FileNotFoundError ? noSuchObject(key) : error;
  }
}

function noSuchObject(key: string): FileNotFoundError {
  return new FileNotFoundError({ message: `there is no object '${key}'`, key });
}
