import { z } from "zod";
import { type ResourceType, resourceTypes } from "./public-id.js";

/** Where a page ended. */
export interface Position {
  /** The last entry: a key, or a rolled-up start of keys. */
  readonly last: string;
  /** Where each type goes on: the service's cursor of the page to ask for again, `""` for the first, `undefined` at the end. */
  readonly pages: Readonly<Partial<Record<ResourceType, string>>>;
}

/** What a cursor holds. */
export const positionShape = z.object({
  last: z.string(),
  pages: z.partialRecord(z.enum(resourceTypes), z.string()),
});
