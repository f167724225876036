import { loadSettings, readVariable } from "../../kernel/index.js";
import { observabilityVariables } from "../../observability/settings.js";
import { type Helper, optionsOf } from "../helper.js";

const { enabled, metricsPath } = observabilityVariables;

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
  askedBy: [enabled.name, metricsPath.name],
  isBeforeLimits: true,
  onByDefault: () => clients.find(isInstalled),
  add: async (app, { env, options }) => {
    if (!loadSettings({ enabled }, env).enabled) return "off";
    const { addObservability } = await import("../../observability/index.js");
    await addObservability(app, { env, ...optionsOf(options.observability) });
    return readVariable(env, metricsPath.name) ?? metricsPath.default ?? "";
  },
};
