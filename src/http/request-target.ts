import type { FastifyRequest } from "fastify";

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

/** A server must take the absolute form too (RFC 9112 §3.2.2). */
function originForm(target: string): string {
  return target.startsWith("/") ? target : target.replace(absoluteForm, "");
}
