import { ConfigurationError } from "../../kernel/index.js";
import { type BackendType, backendTypes } from "../../storage/backends.js";
import { placeOf } from "../../storage/from-env.js";

/** A storage as the command line names it: `s3://bucket/photos?region=eu-west-1`. */
export interface StorageUrl {
  readonly type: BackendType;
  /** Folder, bucket, container; `undefined` leaves it to the environment. */
  readonly place: string | undefined;
  /** Path below which all keys are, without slashes around it; empty for everything. */
  readonly root: string;
  /** Settings that it gives, by the names that code uses for them, in any spelling. */
  readonly settings: ReadonlyMap<string, string>;
  /** As it was given, without its settings. */
  readonly label: string;
}

const shape = /^([a-z0-9]+):([^?#]*)(?:\?([^#]*))?$/;

/**
 * Reads `type:place?setting=value` or `type://place/root?setting=value`. The place of local is a path and so takes
 * all of it; `root` can be given as a setting too.
 *
 * @param flag - the option that it came with, for the error, which never shows the settings.
 * @throws ConfigurationError when it is none.
 */
export function parseStorageUrl(raw: string, flag: string): StorageUrl {
  const [, scheme = "", rest = "", query = ""] = shape.exec(raw) ?? [];
  const type = backendTypes.find((each) => each === scheme);
  if (type === undefined) throw refuse(flag, `expected ${examples()}`);
  const settings = new Map(new URLSearchParams(query));
  const { place, path } = type === "local" ? { place: rest.replace(/^\/\//, ""), path: "" } : divide(rest);
  if (place !== "" && placeOf(type) === undefined)
    throw refuse(flag, `expected '${type}:' and no name behind it`);
  const root = trim(settings.get("root") ?? path);
  if (path !== "" && settings.delete("root")) throw refuse(flag, "give the path or 'root', not both");
  settings.delete("root");
  return { type, place: place === "" ? undefined : place, root, settings, label: `${scheme}:${rest}` };
}

function divide(rest: string): { readonly place: string; readonly path: string } {
  const [place = "", ...path] = rest.replace(/^\/\//, "").split("/");
  return { place, path: trim(path.join("/")) };
}

function trim(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

function examples(): string {
  const others = backendTypes.filter((type) => type !== "local" && placeOf(type) !== undefined);
  return `local:./folder, ${others.map((type) => `${type}://${placeOf(type)}/path`).join(", ")} or memory:`;
}

function refuse(flag: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name: flag, message }]);
}
