import { checkEtag } from "./arguments.js";
import type { Capabilities, StorageBackend, WriteConditions } from "./contract/backend.js";
import { InvalidArgumentError, UnsupportedOperationError } from "./contract/error.js";

type Able = Pick<StorageBackend, "name" | "capabilities">;

/** Capabilities that a call can need. */
export type Need = {
  [Name in keyof Capabilities]-?: Capabilities[Name] extends boolean | undefined ? Name : never;
}[keyof Capabilities];

/** Refuses a call that the backend cannot serve, before any byte moves. */
export function requireCapability({ name, capabilities }: Able, need: Need): void {
  if (capabilities[need]) return;
  const hint = hints[need] ?? "";
  throw new UnsupportedOperationError({ message: `${name} does not have the capability '${need}'${hint}` });
}

const urlHint =
  ": nothing serves its URLs; let addStorage mount the file route by its option serveFiles, or set STORAGE_BASE_URL (the option baseUrl) to where another service does";

/** What to set, where a setting gives the capability. */
const hints: Partial<Record<Need, string>> = {
  signGet: urlHint,
  signPut: urlHint,
  publicUrls:
    "; set STORAGE_PUBLIC_URL (the option publicUrl of easyStorage), add the layer publicFiles, or let the file route serve them: serveFiles: true and publicFiles: {} of addStorage",
};

/** Fills in the conditions of a write and refuses those that the backend cannot decide atomically. */
export function toConditions(
  backend: Able,
  options: { readonly ifAbsent?: boolean | undefined; readonly ifMatch?: string | undefined },
): WriteConditions {
  const { ifAbsent = false } = options;
  const ifMatch = checkEtag(options.ifMatch);
  if (typeof ifAbsent !== "boolean")
    throw new InvalidArgumentError({ message: "ifAbsent must be a boolean" });
  if (ifAbsent) requireCapability(backend, "ifAbsent");
  if (ifMatch !== undefined) requireCapability(backend, "ifMatch");
  if (ifAbsent && ifMatch !== undefined) {
    throw new InvalidArgumentError({ message: "ifAbsent and ifMatch exclude each other" });
  }
  return { ifAbsent, ifMatch };
}
