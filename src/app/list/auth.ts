import { authVariables } from "../../auth/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const auth: Helper = {
  name: "auth",
  variables: [authVariables],
  askedBy: [authVariables.secret.name, authVariables.baseUrl.name],
  needs: ["sql", "mail"],
  add: async (app, { env, options }) => {
    const { addAuthUsers } = await import("../../auth/index.js");
    const given = optionsOf(options.auth);
    await addAuthUsers(app, { env, ...given });
    return given.routesPrefix ?? "/auth";
  },
};
