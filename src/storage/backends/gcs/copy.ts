import type { CopyOptions, ObjectStat } from "../../contract/backend.js";
import { committed } from "../../contract/cancellation.js";
import type { Key } from "../../contract/key.js";
import { ServiceError } from "../../contract/service-error.js";
import type { GcsAccess } from "./access.js";
import { checkGeneration, conditionQuery } from "./conditions.js";
import { membersOf, parseResource, resourceFields, statOf, toResource } from "./object-resource.js";

/**
 * Copies inside the service, with the description (https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite).
 * A large object takes several requests, each giving the token of the next one; the last one publishes.
 */
export async function copyObject(
  { client, paths }: GcsAccess,
  from: Key,
  to: Key,
  options: CopyOptions,
): Promise<ObjectStat> {
  const fields = `done,rewriteToken,resource(${resourceFields})`;
  const { sourceIfMatch } = options;
  const ifSourceGenerationMatch = sourceIfMatch === undefined ? undefined : checkGeneration(sourceIfMatch);
  const query = { ...conditionQuery(options), ifSourceGenerationMatch, fields };
  const { description } = options;
  const resource = description && {
    headers: { "content-type": "application/json" },
    body: JSON.stringify(toResource(description)),
  };
  let rewriteToken: string | undefined;
  for (;;) {
    const answer = membersOf(
      await committed(options.signal, async (cancellation) => {
        cancellation.sent();
        return client.json({
          method: "POST",
          path: paths.rewrite(from, to),
          query: { ...query, rewriteToken },
          ...resource,
          signal: cancellation.signal,
        });
      }),
    );
    if (answer.done === true) return statOf(to, parseResource(answer.resource));
    if (typeof answer.rewriteToken !== "string")
      throw new ServiceError("unavailable", "the copy cannot be continued");
    rewriteToken = answer.rewriteToken;
    options.onProgress?.();
  }
}
