import type { FastifyRequest } from "fastify";
import { pathOf } from "../../../http/index.js";
import { FileNotFoundError, InvalidKeyError } from "../../contract/error.js";
import { isStaged, type Key, parseKey } from "../../contract/key.js";

/** Reads the key out of the path of a request below one route. */
export class KeyPath {
  readonly #root: RegExp;

  /** @param root - path of the route up to its wildcard; `:name` stands for one segment of any text. */
  constructor(root: string) {
    const pattern = root.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:[A-Za-z0-9_]+/g, "[^/]+");
    this.#root = new RegExp(`^${pattern}`);
  }

  /**
   * The key, percent-decoded exactly once. It is read from the target itself because routers normalise.
   *
   * @throws InvalidKeyError, also for broken percent-encoding.
   */
  keyOf(request: FastifyRequest): Key {
    return parseKey(this.#textOf(request));
  }

  /** As {@link keyOf}; it may also be the place of an unfinished upload. */
  objectNameOf(request: FastifyRequest): Key {
    const text = this.#textOf(request);
    return isStaged(text) ? text : parseKey(text);
  }

  #textOf(request: FastifyRequest): string {
    const path = pathOf(request);
    const root = this.#root.exec(path)?.[0];
    if (root === undefined) throw new FileNotFoundError({ message: "there is nothing under this path" });
    return decodeOnce(path.slice(root.length));
  }
}

function decodeOnce(raw: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (error) {
    throw new InvalidKeyError({ message: "the path is not well-formed percent-encoding", cause: error });
  }
}
