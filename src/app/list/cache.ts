import { cacheVariables } from "../../cache/settings.js";
import { type Helper, optionsOf } from "../helper.js";
import { keyPrefixOf } from "./key-prefix.js";

export const cache: Helper = {
  name: "cache",
  variables: [cacheVariables],
  enabledBy: ["CACHE_URL"],
  add: async (app, context) => {
    const { addCache } = await import("../../cache/index.js");
    const { keyPrefix = keyPrefixOf(context, "cache"), ...given } = optionsOf(context.options.cache);
    await addCache(app, { env: context.env, ...given, keyPrefix });
    return "app.cache";
  },
};
