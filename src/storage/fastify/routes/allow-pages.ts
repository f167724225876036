import type { FastifyInstance } from "fastify";
import { allowOrigins } from "../../../http/index.js";

/** Lets pages of the named origins call the routes of a scope, unless the app decides on that already. */
export async function allowPages(scope: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0 || scope.hasRequestDecorator("corsPreflightEnabled")) return;
  await allowOrigins(scope, { origins });
}
