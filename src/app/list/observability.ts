import { loadSettings, readVariable } from "../../kernel/index.js";
import { observabilityVariables } from "../../observability/settings.js";
import { type Helper, optionsOf } from "../helper.js";

const { enabled, metricsPath, otlpEndpoint } = observabilityVariables;

/** Libraries of metrics, of which an app has one. */
const clients = ["prom-client", "@prometheus-io/client"];

function isInstalled(name: string): boolean {
  try {
    return import.meta.resolve(name) !== "";
  } catch {
    return false;
  }
}

export const observability: Helper = {
  name: "observability",
  variables: [observabilityVariables],
  enabledBy: [enabled.name, metricsPath.name, otlpEndpoint.name],
  isBeforeLimits: true,
  onByDefault: () => clients.find(isInstalled),
  add: async (app, { env, name, settings: { release }, options }) => {
    const given = optionsOf(options.observability);
    const chosen = loadSettings({ enabled, metricsPath }, env, {
      enabled: given.enabled,
      metricsPath: given.metricsPath,
    });
    const reason = given.enabled === undefined ? {} : { reason: "option 'observability' decides" };
    const { observeRequests } = await import("../../observability/plugin.js");
    const serviceName = readVariable(env, observabilityVariables.serviceName.name) ?? name;
    const afterGuards = await observeRequests(app, { env, release, serviceName, ...given });
    return { chosen: chosen.enabled ? chosen.metricsPath : "off", afterGuards, ...reason };
  },
};
