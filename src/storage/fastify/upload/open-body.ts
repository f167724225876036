import type { FastifyRequest } from "fastify";
import { type BodyLimit, checkBody, declaredLength, RequestBody } from "../../../http/index.js";
import type { Bytes } from "../../contract/backend.js";
import type { ByteRate } from "../byte-rate.js";

/**
 * The content of a request, once. It may be neither larger than the limit nor over the rate of its sender.
 *
 * @throws HttpError before a byte is read, where the headers alone make the request invalid.
 */
export function openBody(request: FastifyRequest, limit: BodyLimit, byteRate: ByteRate): Promise<Bytes> {
  const { raw } = request;
  checkBody(raw, limit);
  return byteRate.count(request, new RequestBody(raw, limit), declaredLength(raw));
}
