import { loadSettings, type SettingsSchema } from "../../kernel/index.js";
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
    const { source, ...given } = optionsOf(context.options.storage);
    const tokens = tokensOf(context);
    const added = await addStorage(app, source, {
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

/** Makes it, reaches nothing and closes it; what is wrong with its variables is told by that. */
async function openStorage({ env, options }: HelperContext): Promise<void> {
  const { easyStorage } = await import("../../storage/easy-storage.js");
  const given = optionsOf(options.storage);
  if (given.source === undefined) await (await easyStorage({}, given.env ?? env)).close();
}

/** They are of the storage that the environment names: one that code gives has an `authorize` of its own, or no such routes. */
function tokensOf({ env, options }: HelperContext): readonly string[] | undefined {
  const given = optionsOf(options.storage);
  if (given.source !== undefined) return undefined;
  const { apiToken } = loadSettings({ apiToken: storageVariables.apiToken }, given.env ?? env);
  return apiToken?.map((token) => token.reveal());
}
