import { randomBytes } from "node:crypto";
import { answerError } from "./answer-error.js";
import type { Service } from "./client.js";
import { GcsError } from "./gcs-error.js";
import type { Paths } from "./paths.js";

/** Most calls that one request may hold. */
const maxCalls = 100;
/** Requests at once. */
const lanes = 4;

/** An object that could not be removed. */
export interface BatchFailure {
  readonly name: string;
  readonly error: GcsError;
}

/** Removes many objects, a hundred by a request (https://cloud.google.com/storage/docs/batch). */
export class BatchRemover {
  readonly #service: Service;
  readonly #paths: Paths;

  constructor(service: Service, paths: Paths) {
    this.#service = service;
    this.#paths = paths;
  }

  /** Those that are not there count as removed. */
  async remove(names: readonly string[], signal: AbortSignal | undefined): Promise<readonly BatchFailure[]> {
    const batches = Array.from({ length: Math.ceil(names.length / maxCalls) }, (_, index) =>
      names.slice(index * maxCalls, (index + 1) * maxCalls),
    );
    const failures: BatchFailure[] = [];
    const waiting = batches.values();
    const work = async () => {
      for (const batch of waiting) failures.push(...(await this.#removeBatch(batch, signal)));
    };
    await Promise.all(Array.from({ length: Math.min(lanes, batches.length) }, work));
    return failures;
  }

  async #removeBatch(
    names: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly BatchFailure[]> {
    const boundary = randomBytes(18).toString("base64url");
    const { headers, text } = await this.#service.ask({
      method: "POST",
      path: "/batch/storage/v1",
      headers: { "content-type": `multipart/mixed; boundary=${boundary}` },
      body: this.#write(names, boundary),
      signal,
    });
    const answers = readAnswers(text, String(headers["content-type"]));
    return names.flatMap((name, index) => {
      const error = failureOf(answers.get(index));
      return error === undefined ? [] : [{ name, error }];
    });
  }

  #write(names: readonly string[], boundary: string): string {
    const parts = names.map(
      (name, index) =>
        `--${boundary}\r\ncontent-type: application/http\r\ncontent-id: <item+${index}>\r\n\r\n` +
        `DELETE ${this.#paths.object(name)} HTTP/1.1\r\n\r\n\r\n`,
    );
    return `${parts.join("")}--${boundary}--\r\n`;
  }
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

function failureOf(answer: PartAnswer | undefined): GcsError | undefined {
  if (answer === undefined) return new GcsError("unavailable", "the service did not answer for this object");
  if (answer.status < 300) return undefined;
  const error = answerError(answer);
  return error.code === "not_found" ? undefined : error;
}
