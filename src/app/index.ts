export type { Choice } from "./choices.js";
export type { HelperOptions, ServiceStorageOptions } from "./helper-options.js";
export { easyServiceApp, type ServiceApp, type ServiceAppOptions, type ServiceFacts } from "./service-app.js";
export { type AppSettings, appVariables } from "./settings.js";
export { startService } from "./start-service.js";
