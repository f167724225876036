import type { SettingsSchema } from "../../kernel/index.js";
import { backendVariables } from "../../storage/backends.js";
import { namingVariables } from "../../storage/from-env.js";
import { storageVariables } from "../../storage/settings.js";
import { type Helper, type HelperContext, optionsOf } from "../helper.js";

const backends: readonly SettingsSchema[] = Object.values(backendVariables);

export const storage: Helper = {
  name: "storage",
  variables: [storageVariables, ...backends],
  enabledBy: namingVariables,
  check: openStorage,
  add: async (app, context) => {
    const [{ addStorage, bearerToken }, { configurationOf }] = await Promise.all([
      import("../../storage/fastify/index.js"),
      import("../../storage/easy-storage.js"),
    ]);
    const { source: _, ...given } = optionsOf(context.options.storage);
    const { storage: opened, tokens } = await openStorage(context);
    const added = await addStorage(app, opened, {
      env: context.env,
      allowOrigins: context.settings.corsAllowOrigins ?? [],
      keyPrefix: `${context.name}:`,
      closeGraceMs: context.settings.shutdownTimeoutMs,
      ...(tokens === undefined ? {} : { authorize: bearerToken(tokens) }),
      ...given,
    });
    const chosen = added.backend.name;
    const reason = configurationOf(added)?.detection.reason;
    return reason === undefined ? chosen : { chosen, reason };
  },
};

/** Makes it and reaches nothing; what is wrong with its variables is told by that. */
async function openStorage({ env, options }: HelperContext) {
  const { easyStorage, configurationOf } = await import("../../storage/easy-storage.js");
  const { source } = optionsOf(options.storage);
  if (source !== undefined) return { storage: source, tokens: undefined };
  const opened = await easyStorage({}, env);
  const tokens = configurationOf(opened)?.settings.apiToken;
  return { storage: opened, tokens: tokens?.map((token) => token.reveal()) };
}
