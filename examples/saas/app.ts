import { join } from "node:path";
import { easyServiceApp, type ServiceApp } from "svc-infra";
import { getCurrentUser, tenantFiles } from "svc-infra/auth";
import { objectEvents, onEvent } from "svc-infra/events";
import { appEnvOf, type Environment, readEnvironment } from "svc-infra/kernel";
import { documentData, documentReady, documentRoutes, refreshDocument } from "./documents.js";
import { addPages } from "./pages.js";
import { planOf, planRoutes, prices } from "./plans.js";

const members = tenantFiles();

/** The whole service. What it runs on, the environment says. */
export async function createApp(env: Environment = readEnvironment()): Promise<ServiceApp> {
  const app: ServiceApp = await easyServiceApp({
    name: "papers",
    env,
    sql: { migrationsDir: join(import.meta.dirname, "../migrations") },
    tenancy: true,
    mail: true,
    auth: true,
    storage: {
      policy: { types: ["image/png", "image/jpeg", "image/webp", "application/pdf"], maxBytes: "20MB" },
      // Members upload to their organisation's files, as much as its plan allows.
      authorize: async (request, route) => {
        const { tenant } = await members(request, route);
        return { tenant, policy: { maxBytes: (await planOf(app, tenant)).maxBytes } };
      },
    },
    events: {
      events: [documentReady, ...Object.values(objectEvents)],
      consumers: [
        onEvent(objectEvents.created, "show-document", (event) => refreshDocument(app, event)),
        onEvent(objectEvents.deleted, "hide-document", (event) => refreshDocument(app, event)),
      ],
      tenantOfKey: (key) => key.split("/", 1)[0],
    },
    jobs: true,
    webhooks: {
      authorize: async (request) => {
        const user = await getCurrentUser(request);
        return user?.tenant !== undefined && user.roles.includes("owner") ? { tenant: user.tenant } : false;
      },
      // On a laptop subscribers are on this machine, too.
      allowPrivateAddresses: appEnvOf(env) !== "prod",
    },
    payments: { plans: prices },
  });

  app.get("/me", async (request) => {
    const user = await getCurrentUser(request);
    const plan = user?.tenant === undefined ? {} : await planOf(app, user.tenant);
    return { email: user?.email, tenant: user?.tenant, ...plan };
  });
  documentRoutes(app);
  documentData(app);
  planRoutes(app);
  await addPages(app);
  return app;
}
