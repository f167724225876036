// @ts-check
import http from "node:http";
import { invalid } from "./refusal.js";

const maxCalls = 100;

/**
 * @typedef {{ id: string, method: string, path: string }} Call
 * @typedef {{ status: number, body: unknown }} CallAnswer
 */

/**
 * Takes a batch apart and puts the answers together (https://cloud.google.com/storage/docs/batch).
 *
 * @param {string} body
 * @param {string} contentType
 * @param {(call: Call) => CallAnswer} answer
 */
export function answerBatch(body, contentType, answer) {
  const boundary = /^multipart\/mixed;.*boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined || !body.trimEnd().endsWith(`--${boundary}--`))
    throw invalid("Failed to parse batch request.");
  const calls = body.split(`--${boundary}`).slice(1, -1).map(readCall);
  if (calls.length === 0 || calls.length > maxCalls) {
    throw invalid(`The batch request has ${calls.length} calls; the limit is ${maxCalls}.`);
  }
  const own = "batch_svc_infra_double";
  const parts = calls.map((call) => `--${own}\r\n${writeAnswer(call, answer(call))}\r\n`);
  return { contentType: `multipart/mixed; boundary=${own}`, body: `${parts.join("")}--${own}--\r\n` };
}

/** @param {string} part @returns {Call} */
function readCall(part) {
  const [head = "", inner = ""] = part.split(/\r?\n\r?\n/);
  const [, method, path] = /^([A-Z]+) (\/\S+)(?: HTTP\/1\.1)?/.exec(inner) ?? [];
  const id = /^content-id:\s*<(.*)>/im.exec(head)?.[1] ?? "";
  if (!/^content-type:\s*application\/http/im.test(head) || method === undefined || path === undefined) {
    throw invalid("Failed to parse batch request.");
  }
  return { id, method, path };
}

/** @param {Call} call @param {CallAnswer} answer */
function writeAnswer({ id }, { status, body }) {
  const text = body === undefined ? "" : JSON.stringify(body);
  return [
    "Content-Type: application/http",
    `Content-ID: <response-${id}>`,
    "",
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    ...(text === "" ? [] : ["Content-Type: application/json; charset=UTF-8"]),
    `Content-Length: ${Buffer.byteLength(text)}`,
    "",
    text,
  ].join("\r\n");
}
