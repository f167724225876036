import { type AnyApp, type AnyRequest, appOf } from "../../http/index.js";
import { StorageConfigurationError } from "../contract/error.js";
import { Storage } from "../storage.js";

/**
 * The storage of an app, or of the app that a request came to.
 *
 * @param decorator - name it was added under.
 * @throws StorageConfigurationError when none was added.
 *
 * @example
 * const storage = getStorage(request);
 * const archive = getStorage(request, "archive");
 */
export function getStorage(from: AnyApp | AnyRequest, decorator = "storage"): Storage {
  const storage = Object(appOf(from))[decorator];
  if (storage instanceof Storage) return storage;
  throw new StorageConfigurationError({
    message: `there is no app.${decorator} here; call 'await addStorage(app)' first`,
  });
}
