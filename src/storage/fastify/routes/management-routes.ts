import type { FastifyInstance, FastifyRequest } from "fastify";
import { forbidden, mountRoutes, pageBoundary } from "../../../http/index.js";
import { FileNotFoundError } from "../../contract/error.js";
import type { Key } from "../../contract/key.js";
import type { StorageFiles } from "../../storage-files.js";
import type { RateKind } from "../rate-limit.js";
import { allowPages } from "./allow-pages.js";
import { permit, type StorageRoute } from "./authorize.js";
import { directUploadRoutes } from "./direct-uploads.js";
import { fileRoutes } from "./management-files.js";
import { inquiryRoutes } from "./management-inquiries.js";
import { prepareScope, type RouteContext, type StorageOfCaller } from "./route-context.js";

/** What each route counts as. */
const rateKinds: Readonly<Record<StorageRoute, RateKind>> = {
  upload: "uploads",
  delete: "uploads",
  sign: "signs",
  download: "reads",
  list: "reads",
  metadata: "reads",
  "backend-info": "reads",
};

const publicTenant = "the folder of this tenant has the name of a prefix of public files";

/** Whether all that a tenant has would be public: by chance, as a user chose that name. */
function isPublic(tenant: string, publicFiles: RouteContext["publicFiles"]): boolean {
  return publicFiles?.files.has(`${tenant}/-` as Key) === true;
}

/** The management routes; every one asks `authorize` before it reads a byte of content. */
export async function managementRoutes(scope: FastifyInstance, context: RouteContext): Promise<void> {
  const { authorize, storage } = context;
  if (authorize === undefined) return;
  prepareScope(scope, context, true);
  await allowPages(scope, context.allowOrigins);
  const { allowOrigins, signer, countRequest, publicFiles } = context;
  const ownUrls = signer === undefined ? [] : [signer.baseUrl];
  scope.addHook("onRequest", pageBoundary({ isOpen: authorize === "open", ownUrls, allowOrigins }));
  scope.setNotFoundHandler(() => {
    throw new FileNotFoundError({ message: "there is no such path" });
  });
  scope.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  const callers = new WeakMap<FastifyRequest, StorageFiles>();
  const storageOf: StorageOfCaller = (request) => {
    const own = callers.get(request);
    if (own === undefined) throw new TypeError("this request was not authorized");
    return own;
  };
  const routes = [
    ...directUploadRoutes(context, storageOf),
    ...fileRoutes(scope.prefix, context, storageOf),
    ...inquiryRoutes(scope.prefix, context, storageOf),
  ];
  mountRoutes(scope, routes, {
    tag: "storage",
    authorize: async (request, permission, reply) => {
      const kind = rateKinds[permission as StorageRoute];
      // Before anything is decided: guesses meet the limit of their address.
      await countRequest(request, reply, kind);
      const { tenant, user, policy } = await permit(authorize, request, permission as StorageRoute);
      if (tenant !== undefined && isPublic(tenant, publicFiles)) throw forbidden(publicTenant);
      await countRequest(request, reply, kind, { tenant, user });
      const ruled = policy === undefined ? storage : storage.withPolicy(policy);
      callers.set(request, tenant === undefined ? ruled : ruled.forTenant(tenant));
    },
  });
}
