import { getHeapStatistics } from "node:v8";
import { z } from "zod";
import {
  flag,
  httpUrl,
  type SettingOptions,
  type SettingsOf,
  secretText,
  text,
  variable,
  wholeNumber,
} from "../kernel/index.js";

const maxTimerMs = 2 ** 31 - 1;
const routePath = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/** Settings of metrics, traces and load shedding. */
export const observabilityVariables = {
  enabled: variable({
    name: "ENABLE_OBS",
    type: flag,
    expected: "true or false",
    help: "Whether anything is measured, traced or shed.",
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
  otlpEndpoint: variable({
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    type: httpUrl,
    expected: "an http or https URL without a query",
    help: "Where the OpenTelemetry SDK sends spans; without it no SDK is loaded.",
  }),
  serviceName: variable({
    name: "OTEL_SERVICE_NAME",
    type: text,
    expected: "a name",
    help: "Name of the service in its traces.",
    default: "svc-infra",
  }),
  shedEventLoopDelayMs: variable({
    name: "LOAD_SHED_EVENT_LOOP_DELAY_MS",
    type: wholeNumber({ max: maxTimerMs }),
    expected: `a whole number of milliseconds from 0 to ${maxTimerMs}; 0 for never`,
    help: "Mean delay of the event loop from which on requests are refused with 503.",
    default: 1000,
  }),
  shedHeapBytes: variable({
    name: "LOAD_SHED_HEAP_BYTES",
    type: wholeNumber(),
    expected: "a whole number of bytes; 0 for never",
    help: "Used heap from which on requests are refused with 503.",
    defaultText: "95 % of V8's own limit",
  }),
  shedRssBytes: variable({
    name: "LOAD_SHED_RSS_BYTES",
    type: wholeNumber(),
    expected: "a whole number of bytes; 0 for never",
    help: "Resident memory from which on requests are refused with 503.",
    default: 0,
  }),
};

/** Values of {@link observabilityVariables}. */
export type ObservabilitySettings = SettingsOf<typeof observabilityVariables>;

/** Settings given in code, each beating its variable. */
export type ObservabilitySettingOptions = SettingOptions<typeof observabilityVariables>;

/** The heap at which requests are refused when nothing is set: shortly before V8 gives up. */
export function defaultShedHeapBytes(): number {
  return Math.floor(getHeapStatistics().heap_size_limit * 0.95);
}
