import { authVariables } from "../../auth/settings.js";
import { isVariableSet } from "../../kernel/index.js";
import { urlOf } from "../address.js";
import { type Helper, optionsOf } from "../helper.js";

export const auth: Helper = {
  name: "auth",
  variables: [authVariables],
  enabledBy: [authVariables.secret.name, authVariables.baseUrl.name],
  needs: ["sql", "mail"],
  add: async (app, { env, appEnv, settings, options }) => {
    const { addAuthUsers } = await import("../../auth/index.js");
    const given = optionsOf(options.auth);
    const isKnown = appEnv === "prod" || isVariableSet(env, authVariables.baseUrl.name);
    await addAuthUsers(app, { env, ...(isKnown ? {} : { baseUrl: urlOf(settings) }), ...given });
    return given.routesPrefix ?? "/auth";
  },
};
