import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import fastifyPlugin from "fastify-plugin";
import {
  type AnyApp,
  type AnyRequest,
  appOf,
  fastifyOf,
  forbidden,
  requestOf,
  withoutRegisterOptions,
} from "../http/index.js";
import {
  ConfigurationError,
  checkGivenOptions,
  type Environment,
  loadSettings,
  type OptionRules,
  readEnvironment,
} from "../kernel/index.js";
import { type TenancySettingOptions, tenancyVariables } from "./settings.js";
import { Tenancy, type TenantSource } from "./tenancy.js";

declare module "fastify" {
  interface FastifyInstance {
    /** Which tenant a request belongs to; `addTenancy` added it. */
    tenancy: Tenancy<FastifyRequest>;
  }
  interface FastifyContextConfig {
    /** Of a route that belongs to no tenant, as one for a probe: nothing asks for the tenant of its requests. */
    hasNoTenant?: true;
  }
  interface FastifyRequest {
    /** The tenant, known from `preValidation` on; `undefined` when nothing told one. */
    tenant: string | undefined;
  }
}

/** Options of {@link addTenancy}. */
export interface AddTenancyOptions extends TenancySettingOptions {
  /** The app's own way to tell the tenant: it comes before the identity and the header. */
  readonly resolve?: TenantSource<FastifyRequest> | undefined;
  /** Default: `process.env` and the `.env` file. */
  readonly env?: Environment | undefined;
}

const rules: OptionRules<AddTenancyOptions> = {
  call: "addTenancy",
  kinds: { header: "anything", resolve: "function", env: "object" },
};

/**
 * Gives every request its tenant, for all helpers alike: the app's `resolve` tells it, else the identity that a caller
 * proved, else a header, if one is named. A caller can set a header at will: name one only behind a gateway that does.
 *
 * @throws ConfigurationError when the settings are wrong.
 * @example
 * await addTenancy(app, { resolve: (request) => request.hostname.split(".")[0] });
 * app.get("/notes", { preHandler: requireTenant }, async (request) => listNotes(request.tenant));
 */
export async function addTenancy(
  app: AnyApp,
  options: AddTenancyOptions = {},
): Promise<Tenancy<FastifyRequest>> {
  const fastify = fastifyOf(app);
  await fastify.register(tenancyPlugin, options);
  return fastify.tenancy;
}

/** {@link addTenancy} as a plugin. */
export const tenancyPlugin: FastifyPluginAsync<AddTenancyOptions> = fastifyPlugin(mount, {
  name: "svc-infra/tenancy",
  fastify: "5.x",
});

/**
 * The tenancy of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none was added.
 *
 * @example
 * const tenancy = getTenancy(request);
 */
export function getTenancy(from: AnyApp | AnyRequest): Tenancy<FastifyRequest> {
  const app = appOf(from);
  if (app.hasDecorator("tenancy")) return app.tenancy;
  const message = "is not there; call 'await addTenancy(app)' first";
  throw new ConfigurationError([{ name: "app.tenancy", message }]);
}

/**
 * The tenant of a request. As a `preHandler` it lets only requests of a tenant on.
 *
 * @throws HttpError (403, `forbidden`) for a request without one.
 * @example
 * app.get("/notes", async (request) => listNotes(await requireTenant(request)));
 */
export async function requireTenant(request: AnyRequest): Promise<string> {
  const tenant = await getTenancy(request).tenantOf(requestOf(request));
  if (tenant === undefined) throw forbidden("this needs a tenant");
  return tenant;
}

async function mount(app: FastifyInstance, options: AddTenancyOptions): Promise<void> {
  checkGivenOptions(withoutRegisterOptions(options), rules);
  const { resolve, env = readEnvironment(), header: given } = options;
  const { header } = loadSettings(tenancyVariables, env, { header: given });
  const tenancy = new Tenancy<FastifyRequest>(
    resolve,
    header === undefined ? undefined : headerSource(header),
  );
  app.decorate("tenancy", tenancy);
  app.decorateRequest("tenant", undefined);
  // Behind onRequest, where callers prove who they are.
  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.config.hasNoTenant) return;
    request.tenant = await tenancy.tenantOf(request);
  });
  const first =
    resolve === undefined ? "the caller's identity" : "option 'resolve', else the caller's identity";
  app.log.info(
    { header },
    `tenants are told by ${first}${header === undefined ? "" : `, else by ${header}`}`,
  );
}

function headerSource(name: string): TenantSource<FastifyRequest> {
  return ({ headers }) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(",") : value;
  };
}
