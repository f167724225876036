import { HttpError } from "../http/index.js";
import { ConfigurationError, isTenantId, tenantRule } from "../kernel/index.js";

/** Tells the tenant of a request; `undefined` when it does not know. */
export type TenantSource<Request> = (request: Request) => string | undefined | Promise<string | undefined>;

/** The one place that says which tenant a request belongs to: the first source that knows decides. */
export class Tenancy<Request extends object> {
  readonly #resolver: TenantSource<Request> | undefined;
  readonly #header: TenantSource<Request> | undefined;
  readonly #identities: TenantSource<Request>[] = [];
  readonly #known = new WeakMap<Request, Promise<string | undefined>>();

  /**
   * @param resolver - the app's own, which comes first.
   * @param header - comes last, behind every identity.
   */
  constructor(resolver: TenantSource<Request> | undefined, header: TenantSource<Request> | undefined) {
    if ([resolver, header].some((each) => each !== undefined && typeof each !== "function")) {
      const message =
        "takes functions that tell the tenant of a request, as in new Tenancy((request) => tenant)";
      throw new ConfigurationError([{ name: "new Tenancy", message }]);
    }
    this.#resolver = resolver;
    this.#header = header;
  }

  /** Adds a source that goes by who the caller proved to be, as a helper for users does. */
  identify(source: TenantSource<Request>): void {
    this.#identities.push(source);
  }

  /**
   * The tenant of a request, worked out once.
   *
   * @throws HttpError (400, `invalid_tenant`) for an invalid id.
   */
  tenantOf(request: Request): Promise<string | undefined> {
    const known = this.#known.get(request);
    if (known !== undefined) return known;
    const resolving = this.#resolve(request);
    this.#known.set(request, resolving);
    return resolving;
  }

  async #resolve(request: Request): Promise<string | undefined> {
    for (const source of [this.#resolver, ...this.#identities, this.#header]) {
      const tenant = await source?.(request);
      if (tenant !== undefined && tenant !== "") return checked(tenant);
    }
    return undefined;
  }
}

function checked(tenant: string): string {
  if (isTenantId(tenant)) return tenant;
  throw new HttpError(400, "invalid_tenant", tenantRule);
}
