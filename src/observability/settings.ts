import { z } from "zod";
import { flag, type SettingOptions, type SettingsOf, secretText, variable } from "../kernel/index.js";

const routePath = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/** Settings of metrics. */
export const observabilityVariables = {
  enabled: variable({
    name: "ENABLE_OBS",
    type: flag,
    expected: "true or false",
    help: "Whether anything is measured.",
    default: true,
  }),
  metricsPath: variable({
    name: "METRICS_PATH",
    type: z.string().regex(routePath),
    expected: "a path like /metrics, with no slash at its end",
    help: "Where Prometheus reads the metrics.",
    default: "/metrics",
  }),
  metricsToken: variable({
    name: "METRICS_TOKEN",
    type: secretText(),
    expected: "a token that is not empty",
    help: "Bearer token without which the metrics are refused.",
    secret: true,
    defaultText: "the metrics are open; a warning in production",
  }),
};

/** Values of {@link observabilityVariables}. */
export type ObservabilitySettings = SettingsOf<typeof observabilityVariables>;

/** Settings given in code, each beating its variable. */
export type ObservabilitySettingOptions = SettingOptions<typeof observabilityVariables>;
