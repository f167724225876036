import type { FastifyRequest } from "fastify";
import { badRequest } from "./http-error.js";
import { queryOf } from "./request-target.js";

/**
 * Some query parameters of a request. An empty one counts as absent; parameters of other names are ignored.
 *
 * @throws HttpError (400) for one that is there twice: two readers could take different ones.
 */
export function readParameters<const Name extends string>(
  request: FastifyRequest,
  names: readonly Name[],
): Partial<Record<Name, string>> {
  // Without the mark, one in front of the first name would be dropped.
  const query = new URLSearchParams(`?${queryOf(request)}`);
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const [value, another] = query.getAll(name);
    if (another !== undefined) throw badRequest(`the query parameter '${name}' is there twice`);
    if (value !== undefined && value !== "") found[name] = value;
  }
  return found;
}
