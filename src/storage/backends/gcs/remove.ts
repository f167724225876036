import { randomBytes } from "node:crypto";
import type { CallOptions, RemoveFailure, RemoveOptions } from "../../contract/backend.js";
import { groupsOf, inParallel } from "../../contract/in-parallel.js";
import type { Key } from "../../contract/key.js";
import { isFailure, ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { answerError } from "./answer-error.js";
import { foreignAnswer } from "./client.js";
import { conditionQuery } from "./conditions.js";
import type { Paths } from "./paths.js";

/** Most calls that one request may hold. */
const maxCalls = 100;
const requestsAtOnce = 4;

/** An object that could not be removed. */
export interface NameFailure {
  readonly name: string;
  readonly error: ServiceError;
}

/** Removes one object, or one version of it, and says whether it was there. */
export async function removeObject(
  { client, paths }: GcsAccess,
  key: Key,
  { ifMatch, signal }: RemoveOptions,
): Promise<boolean> {
  const query = conditionQuery({ ifAbsent: false, ifMatch });
  try {
    const { text } = await client.ask({ method: "DELETE", path: paths.object(key), query, signal });
    // A removal is answered with nothing: a page of something in between removed nothing.
    if (text !== "") throw foreignAnswer();
    return true;
  } catch (error) {
    if (isFailure(error, "not_found")) return false;
    throw error;
  }
}

/** Removes what there is of many objects, and tells which could not be removed. */
export async function removeObjects(
  access: GcsAccess,
  keys: readonly Key[],
  { signal }: CallOptions,
): Promise<readonly RemoveFailure[]> {
  const failures = await removeNames(access, keys, signal);
  const errors = new Map(failures.map(({ name, error }) => [name, error]));
  return keys.flatMap((key) => (errors.has(key) ? [{ key, error: errors.get(key) }] : []));
}

/** Removes objects of any name, a hundred by a request (https://cloud.google.com/storage/docs/batch). Missing ones count as removed. */
export async function removeNames(
  access: GcsAccess,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly NameFailure[]> {
  const batches = groupsOf(names, maxCalls);
  const failures = await inParallel(batches, requestsAtOnce, (batch) => removeBatch(access, batch, signal));
  return failures.flat();
}

async function removeBatch(
  { client, paths }: GcsAccess,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly NameFailure[]> {
  const boundary = randomBytes(18).toString("base64url");
  const { headers, text } = await client.ask({
    method: "POST",
    path: "/batch/storage/v1",
    headers: { "content-type": `multipart/mixed; boundary=${boundary}` },
    body: writeBatch(paths, names, boundary),
    signal,
  });
  const answers = readAnswers(text, String(headers["content-type"]));
  return names.flatMap((name, index) => {
    const error = failureOf(answers.get(index));
    return error === undefined ? [] : [{ name, error }];
  });
}

function writeBatch(paths: Paths, names: readonly string[], boundary: string): string {
  const parts = names.map(
    (name, index) =>
      `--${boundary}\r\ncontent-type: application/http\r\ncontent-id: <item+${index}>\r\n\r\n` +
      `DELETE ${paths.object(name)} HTTP/1.1\r\n\r\n\r\n`,
  );
  return `${parts.join("")}--${boundary}--\r\n`;
}

interface PartAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** Answers may come in any order; each names the call that it belongs to. */
function readAnswers(text: string, contentType: string): ReadonlyMap<number, PartAnswer> {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1] ?? "";
  const pairs = text.split(`--${boundary}`).flatMap((part): readonly [number, PartAnswer][] => {
    const id = /^content-id:\s*<response-item\+([0-9]+)>/im.exec(part)?.[1];
    const status = /^HTTP\/1\.1 ([0-9]{3})/m.exec(part)?.[1];
    if (id === undefined || status === undefined) return [];
    const retryAfter = /^retry-after:\s*(.*?)\s*$/im.exec(part)?.[1];
    return [[Number(id), { status: Number(status), retryAfter, text: part }]];
  });
  return new Map(pairs);
}

function failureOf(answer: PartAnswer | undefined): ServiceError | undefined {
  if (answer === undefined)
    return new ServiceError("unavailable", "the service did not answer for this object");
  if (answer.status < 300) return undefined;
  const error = answerError(answer);
  return isFailure(error, "not_found") ? undefined : error;
}
