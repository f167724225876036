import type { FastifyInstance } from "fastify";
import type { JobDefinition } from "../jobs/index.js";
import { type AppEnv, type Environment, isVariableSet, type SettingsSchema } from "../kernel/index.js";
import type { HelperOptions } from "./helper-options.js";
import type { AppSettings } from "./settings.js";

/** What a helper is added with. */
export interface HelperContext {
  readonly env: Environment;
  readonly appEnv: AppEnv;
  readonly settings: AppSettings;
  readonly options: HelperOptions;
}

/** The same, once the service has a name. */
export interface AddContext extends HelperContext {
  readonly name: string;
  /** Jobs that helpers need handled; those listed before `jobs` add theirs. */
  readonly jobs: JobDefinition<never>[];
}

/** One helper of the kit, as the whole service, `svc-infra env` and `svc-infra doctor` know it. */
export interface Helper {
  readonly name: keyof HelperOptions;
  /** Every variable that it may read. */
  readonly variables: readonly SettingsSchema[];
  /** Variables of which any one asks for it; none where only code can. */
  readonly enabledBy: readonly string[];
  /** Helpers that it cannot do without. */
  readonly needs?: readonly (keyof HelperOptions)[];
  /** A helper above it in the list that asks for it, as long as code does not say no. */
  readonly wantedBy?: keyof HelperOptions;
  /**
   * Whether it is added before all that may refuse a request. Its routes are for machines of the operator, which no rate limit
   * counts.
   */
  readonly isBeforeLimits?: boolean;
  /** The package whose presence asks for it when nothing else decides. */
  readonly onByDefault?: () => string | undefined;
  /** Finds what is wrong with its variables; opens and reaches nothing. Default: parses `variables`. */
  readonly check?: (context: HelperContext) => Promise<unknown>;
  /** Adds it and says what it chose. Its libraries are loaded here. */
  readonly add: (app: FastifyInstance, context: AddContext) => Promise<string | AddedHelper>;
}

/** What a helper chose, where it knows a better reason than why it is there. */
export interface AddedHelper {
  readonly chosen: string;
  readonly reason?: string;
  /** What it adds behind the hooks that may refuse a request. */
  readonly afterGuards?: () => Promise<void>;
}

/** Whether the service gets a helper, and why. */
export interface HelperChoice {
  readonly isOn: boolean;
  readonly reason: string;
}

/** Code beats the environment. A helper that neither asks for is off, unless `onByDefault` finds its package. */
export function chooseHelper(
  { name, enabledBy, onByDefault }: Helper,
  env: Environment,
  options: HelperOptions,
): HelperChoice {
  const option = options[name];
  if (option === false) return { isOn: false, reason: `option '${name}' is false` };
  const variable = enabledBy.find((each) => isVariableSet(env, each));
  if (variable !== undefined) return { isOn: true, reason: `${variable} is set` };
  if (option !== undefined) return { isOn: true, reason: `option '${name}' asks for it` };
  const found = onByDefault?.();
  if (found !== undefined) return { isOn: true, reason: `${found} is installed` };
  const reason =
    enabledBy.length === 0 ? `option '${name}' is not given` : `none of ${enabledBy.join(", ")} is set`;
  return { isOn: false, reason };
}

/** The options of a helper that code gave; none when it only said yes or no. */
export function optionsOf<T extends object>(given: boolean | T | undefined): Partial<T> {
  return typeof given === "object" ? given : {};
}
