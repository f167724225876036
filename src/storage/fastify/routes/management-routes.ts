import type { FastifyInstance, FastifyRequest } from "fastify";
import { FileNotFoundError } from "../../contract/error.js";
import type { Storage } from "../../storage.js";
import { permit, type StorageRoute } from "./authorize.js";
import { addFileRoutes } from "./management-files.js";
import { addInquiryRoutes } from "./management-inquiries.js";
import {
  prepareScope,
  type RouteContext,
  refuseOtherMethods,
  type StorageOfCaller,
} from "./route-context.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a management route of the storage does; its caller must be allowed to. */
    storageRoute?: StorageRoute;
  }
}

/** Verbs of each path, for 405. */
const verbs: Readonly<Record<string, readonly string[]>> = {
  "/upload": ["POST"],
  "/download/*": ["GET", "HEAD"],
  "/list": ["GET", "HEAD"],
  "/metadata/*": ["GET", "HEAD"],
  "/files/*": ["PUT", "DELETE"],
  "/sign": ["POST"],
  "/backend-info": ["GET", "HEAD"],
};

/** The management routes; every one asks `authorize` before it reads a byte of content. */
export async function managementRoutes(scope: FastifyInstance, edge: RouteContext): Promise<void> {
  const { authorize, storage } = edge;
  if (authorize === undefined) return;
  prepareScope(scope, edge, true);
  scope.setNotFoundHandler(() => {
    throw new FileNotFoundError({ message: "there is no such path" });
  });
  const callers = new WeakMap<FastifyRequest, Storage>();
  const storageOf: StorageOfCaller = (request) => {
    const own = callers.get(request);
    if (own === undefined) throw new TypeError("this request was not authorized");
    return own;
  };
  await scope.register(async (routes) => {
    routes.addHook("onRequest", async (request) => {
      const route = request.routeOptions.config.storageRoute;
      if (route === undefined) return;
      const { tenant } = await permit(authorize, request, route);
      callers.set(request, tenant === undefined ? storage : storage.forTenant(tenant));
    });
    addFileRoutes(routes, edge, storageOf);
    addInquiryRoutes(routes, edge, storageOf);
  });
  for (const [url, allowed] of Object.entries(verbs)) refuseOtherMethods(scope, url, allowed);
}
