import { randomBytes } from "node:crypto";
import {
  ConfigurationError,
  type Environment,
  isVariableSet,
  markSource,
  type SettingsSchema,
  sourceOf,
} from "../../kernel/index.js";
import { type BackendType, backendRows, backendVariables } from "../../storage/backends.js";
import { placeOf } from "../../storage/from-env.js";
import { storageVariables } from "../../storage/settings.js";
import type { StorageUrl } from "./storage-url.js";

/** One end of a copy, as options and variables name it. */
export type Side = "from" | "to";

/** What a side is set up by, and for each variable the name under which its value was given. */
export interface SideEnvironment {
  readonly env: Environment;
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * The environment of one side: its URL beats variables that begin with `STORAGE_FROM_` or `STORAGE_TO_`, and those
 * beat the usual ones, which hold for both sides.
 *
 * @throws ConfigurationError for a setting of the URL that does not exist or is a secret.
 */
export function sideEnvironment(env: Environment, side: Side, url: StorageUrl): SideEnvironment {
  const draft = new Draft(env);
  const schema: SettingsSchema = backendVariables[url.type];
  for (const { name } of [...Object.values(storageVariables), ...Object.values(schema)]) {
    draft.take(sideVariable(side, name), name);
  }
  for (const [setting, value] of url.settings) {
    const origin = `--${side} ?${setting}=`;
    draft.set(variableOf(schema, setting, origin), value, origin);
  }
  const place = schema[placeOf(url.type) ?? ""];
  if (place !== undefined && url.place !== undefined) draft.set(place.name, url.place, `--${side}`);
  draft.dropOverruling(url.type);
  draft.set(storageVariables.backend.name, url.type, `--${side}`);
  // No URL is signed, so no secret is needed, and none made and kept beside the data.
  draft.set(storageVariables.signingSecret.name, randomBytes(32).toString("hex"), `--${side}`);
  return draft;
}

/** `STORAGE_FROM_S3_BUCKET` for `STORAGE_S3_BUCKET`. */
export function sideVariable(side: Side, name: string): string {
  return `STORAGE_${side.toUpperCase()}_${name.replace(/^STORAGE_/, "")}`;
}

/** Settings that a URL of this type may have. */
export function urlSettings(type: BackendType): readonly string[] {
  const schema: SettingsSchema = backendVariables[type];
  const options = Object.keys(schema).filter((option) => schema[option]?.secret !== true);
  return options.filter((option) => option !== placeOf(type));
}

class Draft implements SideEnvironment {
  readonly env: Record<string, string | undefined>;
  readonly origins = new Map<string, string>();

  constructor(env: Environment) {
    this.env = { ...env };
  }

  set(name: string, value: string, origin: string): void {
    this.env[name] = value;
    markSource(this.env, name, "process");
    delete this.env[`${name}_FILE`];
    this.origins.set(name, origin);
  }

  /** Puts the value of `own`, or of its file, where `name` is looked for. */
  take(own: string, name: string): void {
    if (!isVariableSet(this.env, own)) return;
    for (const end of ["", "_FILE"]) {
      markSource(this.env, name + end, sourceOf(this.env, own) ?? "process");
      this.env[name + end] = this.env[own + end];
      this.origins.set(name + end, own + end);
    }
  }

  /** What a side says itself must hold: a usual variable that would overrule it is for the other side. */
  dropOverruling(type: BackendType): void {
    const schema: SettingsSchema = backendVariables[type];
    const { overrules = {} }: { overrules?: Readonly<Record<string, readonly string[]>> } = backendRows[type];
    const isOwn = (option: string) => this.origins.has(schema[option]?.name ?? "");
    for (const [option, others] of Object.entries(overrules)) {
      const { name = "", aliases = [] } = schema[option] ?? {};
      if (!isOwn(option) && others.some(isOwn)) for (const each of [name, ...aliases]) this.#drop(each);
    }
  }

  #drop(name: string): void {
    delete this.env[name];
    delete this.env[`${name}_FILE`];
  }
}

function variableOf(schema: SettingsSchema, setting: string, origin: string): string {
  const [, variable] = Object.entries(schema).find(([option]) => plain(option) === plain(setting)) ?? [];
  if (variable?.secret === true) {
    throw refuse(
      origin,
      `is a secret, which others could see on the command line; expected in ${variable.name}`,
    );
  }
  if (variable !== undefined) return variable.name;
  throw refuse(origin, `is not known here; expected one of root, ${Object.keys(schema).join(", ")}`);
}

/** `accessKey`, `access-key` and `access_key` are the same. */
function plain(option: string): string {
  return option.replace(/[-_]/g, "").toLowerCase();
}

function refuse(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ name, message }]);
}
