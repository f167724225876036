import { webhookVariables } from "../../webhooks/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const webhooks: Helper = {
  name: "webhooks",
  variables: [webhookVariables],
  enabledBy: [webhookVariables.encryptKey.name],
  needs: ["sql"],
  add: async (app, { env, options }) => {
    const { addWebhooks } = await import("../../webhooks/index.js");
    const given = optionsOf(options.webhooks);
    await addWebhooks(app, { env, ...given });
    return given.authorize === undefined ? "app.webhooks" : (given.routesPrefix ?? "/_webhooks");
  },
};
