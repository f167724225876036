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
    if (!loadSettings({ enabled }, env).enabled) return "off";
    const { addObservability } = await import("../../observability/index.js");
    const serviceName = readVariable(env, observabilityVariables.serviceName.name) ?? name;
    await addObservability(app, { env, release, serviceName, ...optionsOf(options.observability) });
    return readVariable(env, metricsPath.name) ?? metricsPath.default ?? "";
  },
};
