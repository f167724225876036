import { type Environment, parseSettings, type SettingsOf, type SettingsSchema } from "../../kernel/index.js";
import type { StorageBackend } from "./backend.js";

/** What signs URLs where the kit's own file route serves them. */
export interface SigningSettings {
  /** `undefined` where no URL is served. */
  readonly baseUrl: string | undefined;
  /** The first one signs, all of them verify. */
  readonly secrets: readonly string[] | undefined;
}

/** Values of the settings that say where a backend's objects are. */
export type LocationSettings = Readonly<Record<string, unknown>>;

/** An address of a service, with the setting that names it. */
export interface NamedEndpoint {
  readonly setting: string;
  readonly address: string | undefined;
}

/** A backend whose settings have been read. */
export interface ConfiguredRow {
  /** Values of its variables, each under its option's name. */
  readonly own: object;
  /** Loads the backend's code and makes it; reaches nothing. */
  create(signing: SigningSettings): Promise<StorageBackend>;
  /** Whether its credentials only say where others are found. */
  refersToOthers(): Promise<boolean>;
  /** URL of the service; `undefined` where the objects are on this machine. Reaches nothing. */
  endpoint(): Promise<string | undefined>;
  /** The address that a setting names, and which one does; the address is `undefined` where the service has one of its own. */
  namedEndpoint(): Promise<NamedEndpoint>;
}

/** What the environment must know of a backend: one row for each, in its own folder. */
export interface BackendDefinition<Variables extends SettingsSchema> {
  /** Its variables, each under its option's name. */
  readonly variables: Variables;
  /** The setting that says where in the service its objects are, as `s3://bucket` does; absent where there is one place. */
  readonly place?: Names<Variables>[number];
  /** The settings that say which of several services or accounts the place is in, also secrets that hold that. */
  readonly scope?: Names<Variables>;
  /** Makes the values the same for the same place, where several say it. */
  readonly normalizeLocation?: (location: LocationSettings) => Promise<LocationSettings>;
  /** Settings that are credentials. Those in use go to the endpoint, so that both must come from the same source. */
  readonly credentials?: Names<Variables>;
  /** Settings that name files of credentials. */
  readonly credentialFiles?: Names<Variables>;
  /** Whether the credentials only say where others are found, which then come from elsewhere. */
  readonly referToOthers?: (own: SettingsOf<Variables>) => Promise<boolean>;
  /** Secrets that go to the endpoint beside the credentials. */
  readonly alsoSent?: Names<Variables>;
  /** A setting that may hold an endpoint too, which counts where `endpoint` is not set. */
  readonly endpointWithin?: {
    readonly setting: Names<Variables>[number];
    readonly find: (own: SettingsOf<Variables>) => Promise<string | undefined>;
  };
  /** Any of these variables makes it the backend when none is named. */
  readonly detectedBy: readonly string[];
  /** Settings that it cannot do without. */
  readonly required: Names<Variables>;
  /** One setting that says several of these at once, as a connection string does. */
  readonly instead?: { readonly of: Names<Variables>; readonly option: Names<Variables>[number] };
  /** Settings that take from others their effect, as a connection string does, or make them useless. */
  readonly overrules?: { readonly [Option in keyof Variables & string]?: Names<Variables> };
  /** Whether the kit signs its URLs, so that production needs a secret. */
  readonly signsWithSecret: boolean;
  /** URL of the service that keeps the objects; absent where it is this machine. */
  readonly endpointOf?: (own: SettingsOf<Variables>) => Promise<string>;
  /** Loads the backend's code and makes it; reaches nothing. */
  readonly create: (own: SettingsOf<Variables>, signing: SigningSettings) => Promise<StorageBackend>;
}

type Names<Variables> = readonly (keyof Variables & string)[];

/** A definition whose settings can be read. */
export interface BackendRow<Variables extends SettingsSchema> extends BackendDefinition<Variables> {
  /**
   * Reads its settings.
   *
   * @param given - options, which beat the environment.
   * @throws ConfigurationError naming every variable and option at fault.
   */
  configure(env: Environment, given: object): ConfiguredRow;
}

/** Makes the row of a definition. */
export function backendRow<Variables extends SettingsSchema>(
  definition: BackendDefinition<Variables>,
): BackendRow<Variables> {
  const configure = (env: Environment, given: object) => {
    const own = parseSettings(definition.variables, env, given);
    return {
      own,
      create: (signing: SigningSettings) => definition.create(own, signing),
      refersToOthers: async () => (await definition.referToOthers?.(own)) === true,
      endpoint: async () => definition.endpointOf?.(own),
      namedEndpoint: async () => {
        const endpoint = new Map<string, unknown>(Object.entries(own)).get("endpoint");
        const { endpointWithin: within } = definition;
        if (typeof endpoint === "string" || within === undefined)
          return { setting: "endpoint", address: endpoint === undefined ? undefined : String(endpoint) };
        return { setting: within.setting, address: await within.find(own) };
      },
    };
  };
  return { ...definition, configure };
}
