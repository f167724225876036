import { webhookVariables } from "../../webhooks/settings.js";
import { workMs } from "../draining.js";
import { type Helper, optionsOf } from "../helper.js";

export const webhooks: Helper = {
  name: "webhooks",
  variables: [webhookVariables],
  enabledBy: [webhookVariables.encryptKey.name],
  needs: ["sql"],
  add: async (app, { env, settings, options }) => {
    const { addWebhooks } = await import("../../webhooks/index.js");
    const given = optionsOf(options.webhooks);
    // Attempts that go on for longer must be given back before the process is ended.
    const closeGraceMs = Math.ceil(
      Math.min(given.closeGraceMs ?? Number.POSITIVE_INFINITY, workMs(settings)),
    );
    await addWebhooks(app, { env, ...given, closeGraceMs });
    return given.authorize === undefined ? "app.webhooks" : (given.routesPrefix ?? "/_webhooks");
  },
};
