import { randomBytes } from "node:crypto";
import type { CallOptions, ObjectDescription, WriteConditions } from "../../contract/backend.js";
import type { Query, Service } from "./client.js";
import { committed } from "./committed.js";
import type { StagedObject } from "./list.js";
import { type ObjectResource, parseResource, resourceFields, toResource } from "./object-resource.js";
import { conditionQuery, type Paths } from "./paths.js";

/** Most objects that the service joins at once. */
const maxSources = 32;
/** Requests at once. */
const lanes = 8;

/** Exactly this version of an object. */
export type Source = Pick<StagedObject, "name" | "generation">;

/** What the joined object is to be. */
export interface Target extends CallOptions, WriteConditions {
  readonly name: string;
  readonly description: ObjectDescription;
  /** Where objects in between are kept; ends with `/`. */
  readonly folder: string;
}

/** Joins objects into one (https://cloud.google.com/storage/docs/composite-objects), as a tree where there are many. */
export class Composer {
  readonly #service: Service;
  readonly #paths: Paths;

  constructor(service: Service, paths: Paths) {
    this.#service = service;
    this.#paths = paths;
  }

  /** Only the last step, which is one request with the conditions, makes anything visible. */
  async compose(parts: readonly Source[], target: Target): Promise<ObjectResource> {
    let sources = parts;
    while (sources.length > maxSources) sources = await this.#joinGroups(sources, target);
    const query = { ...conditionQuery(target), fields: resourceFields };
    const destination = toResource(target.description);
    return committed(target.signal, async (cancellation) => {
      cancellation.sent();
      return this.#join(target.name, sources, { query, destination, signal: cancellation.signal });
    });
  }

  async #joinGroups(
    sources: readonly Source[],
    { folder, signal, onProgress }: Target,
  ): Promise<readonly Source[]> {
    const groups = Array.from({ length: Math.ceil(sources.length / maxSources) }, (_, index) =>
      sources.slice(index * maxSources, (index + 1) * maxSources),
    );
    const joined: Source[] = [];
    const waiting = groups.entries();
    const destination = { contentType: "application/octet-stream" };
    const work = async () => {
      for (const [index, group] of waiting) {
        const name = `${folder}${randomBytes(9).toString("base64url")}`;
        const query = { ifGenerationMatch: "0", fields: resourceFields };
        joined[index] = await this.#join(name, group, { query, destination, signal });
        onProgress?.();
      }
    };
    await Promise.all(Array.from({ length: Math.min(lanes, groups.length) }, work));
    return joined;
  }

  async #join(
    name: string,
    sources: readonly Source[],
    { query, destination, signal }: { query: Query; destination: object; signal: AbortSignal | undefined },
  ): Promise<ObjectResource> {
    const sourceObjects = sources.map((source) => ({ name: source.name, generation: source.generation }));
    return parseResource(
      await this.#service.json({
        method: "POST",
        path: this.#paths.compose(name),
        query,
        headers: { "content-type": "application/json; charset=utf-8" },
        body: JSON.stringify({ kind: "storage#composeRequest", sourceObjects, destination }),
        signal,
      }),
    );
  }
}
