import type { CopyOptions } from "../../contract/backend.js";
import type { Service } from "./client.js";
import { committed } from "./committed.js";
import { GcsError } from "./gcs-error.js";
import { membersOf, type ObjectResource, parseResource, resourceFields } from "./object-resource.js";
import { checkGeneration, conditionQuery, type Paths } from "./paths.js";

/**
 * Copies inside the service, with the description (https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite).
 * A large object takes several requests, each giving the token of the next one; the last one publishes.
 */
export async function rewrite(
  service: Service,
  paths: Paths,
  { from, to }: { readonly from: string; readonly to: string },
  options: CopyOptions,
): Promise<ObjectResource> {
  const fields = `done,rewriteToken,resource(${resourceFields})`;
  const { sourceIfMatch } = options;
  const ifSourceGenerationMatch = sourceIfMatch === undefined ? undefined : checkGeneration(sourceIfMatch);
  const query = { ...conditionQuery(options), ifSourceGenerationMatch, fields };
  let rewriteToken: string | undefined;
  for (;;) {
    const answer = membersOf(
      await committed(options.signal, async (cancellation) => {
        cancellation.sent();
        return service.json({
          method: "POST",
          path: paths.rewrite(from, to),
          query: { ...query, rewriteToken },
          signal: cancellation.signal,
        });
      }),
    );
    if (answer.done === true) return parseResource(answer.resource);
    if (typeof answer.rewriteToken !== "string")
      throw new GcsError("unavailable", "the copy cannot be gone on with");
    rewriteToken = answer.rewriteToken;
    options.onProgress?.();
  }
}
