import type { FastifyRequest } from "fastify";
import { FileNotFoundError, InvalidKeyError } from "../error.js";
import { type Key, parseKey } from "../key.js";

const absoluteForm = /^https?:\/\/[^/?#]*/i;

/** The path of a request as it came, without the query: nothing decoded, nothing normalised. */
export function pathOf({ raw }: FastifyRequest): string {
  const target = originForm(raw.url ?? "");
  const mark = target.indexOf("?");
  return mark < 0 ? target : target.slice(0, mark);
}

/** The query of a request as it came, without its `?`. */
export function queryOf({ raw }: FastifyRequest): string {
  const target = raw.url ?? "";
  const mark = target.indexOf("?");
  return mark < 0 ? "" : target.slice(mark + 1);
}

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
    const path = pathOf(request);
    const root = this.#root.exec(path)?.[0];
    if (root === undefined) throw new FileNotFoundError({ message: "there is nothing under this path" });
    return parseKey(decodeOnce(path.slice(root.length)));
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

/** A server must take the absolute form too (RFC 9112 §3.2.2). */
function originForm(target: string): string {
  return target.startsWith("/") ? target : target.replace(absoluteForm, "");
}
