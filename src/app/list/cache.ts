import { cacheVariables } from "../../cache/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const cache: Helper = {
  name: "cache",
  variables: [cacheVariables],
  enabledBy: ["CACHE_URL"],
  add: async (app, { env, options }) => {
    const { addCache } = await import("../../cache/index.js");
    await addCache(app, { env, ...optionsOf(options.cache) });
    return "app.cache";
  },
};
