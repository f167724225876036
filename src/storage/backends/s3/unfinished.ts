import type { CallOptions, UnfinishedUpload } from "../../contract/backend.js";
import { isObjectName } from "../../contract/key.js";
import { ListingProgress } from "../../contract/listing-progress.js";
import type { S3Access } from "./access.js";
import { documentOf, malformedAnswer } from "./wire/answer-document.js";
import { blocksOf, textOf } from "./wire/xml.js";

/** Every upload in parts of the bucket that was neither completed nor aborted (ListMultipartUploads), those of other programs too. */
export async function* unfinishedUploads(
  { client }: S3Access,
  { signal }: CallOptions,
): AsyncGenerator<UnfinishedUpload, void, undefined> {
  const progress = new ListingProgress();
  let after: readonly (readonly [string, string])[] = [];
  for (;;) {
    const { body } = await client.send({ method: "GET", query: [["uploads", ""], ...after], signal });
    const xml = documentOf(body, "ListMultipartUploadsResult");
    yield* [...blocksOf(xml, "Upload")].flatMap(uploadIn);
    if (textOf(xml, "IsTruncated") !== "true") return;
    const [key, id] = [textOf(xml, "NextKeyMarker") ?? "", textOf(xml, "NextUploadIdMarker") ?? ""];
    if (key === "") throw malformedAnswer();
    progress.check([], JSON.stringify([key, id]));
    after = [["key-marker", key], ...(id === "" ? [] : [["upload-id-marker", id] as const])];
  }
}

function uploadIn(block: string): readonly UnfinishedUpload[] {
  const [key, uploadId] = [textOf(block, "Key"), textOf(block, "UploadId")];
  const begunAt = new Date(textOf(block, "Initiated") ?? Number.NaN);
  if (!isObjectName(key) || uploadId === undefined || Number.isNaN(begunAt.getTime())) return [];
  return [{ key, uploadId, begunAt }];
}
