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
import { pairsIn } from "./tracing/header-pairs.js";

const routePath = /^(?:\/[A-Za-z0-9._~-]+)+$/;

/** What a service has there already. */
const takenPath = /^\/(?:healthz|readyz|startupz|ping|docs(?:\/.*)?)$/;

const maxTimerMs = 2 ** 31 - 1;

/** A share, 0 to 1. */
const ratio: z.ZodType<number> = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^[0-9]{0,3}(\.[0-9]{1,15})?$/)
      .transform(Number),
  ])
  .pipe(z.number().min(0).max(1));

/** Settings of metrics, spans and load shedding. */
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
    type: z
      .string()
      .regex(routePath)
      .refine((path) => !takenPath.test(path)),
    expected:
      "a path like /metrics, with no slash at its end; not /healthz, /readyz, /startupz, /ping or /docs, which are taken",
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
    expected: "an http or https URL like http://localhost:4318",
    help: "Collector that takes spans as OTLP over HTTP, without `/v1/traces`.",
    defaultText: "no spans, unless the app has started an SDK of OpenTelemetry",
  }),
  otlpHeaders: variable({
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    type: secretText().refine((headers) => pairsIn(headers.reveal()) !== undefined),
    expected: "name=value pairs separated by commas",
    help: "Headers that go to that collector.",
    secret: true,
  }),
  serviceName: variable({
    name: "OTEL_SERVICE_NAME",
    type: text,
    expected: "a name",
    help: "Name of the service in spans.",
    defaultText: "the name of the app, else svc-infra",
  }),
  sampleRatio: variable({
    name: "OTEL_TRACES_SAMPLER_ARG",
    type: ratio,
    expected: "a number from 0 to 1",
    help: "Share of the traces that begin here which are kept. For a trace that a caller began, the caller's decision holds.",
    default: 1,
  }),
  maxEventLoopDelayMs: variable({
    name: "SHED_EVENT_LOOP_DELAY_MS",
    type: wholeNumber({ max: maxTimerMs }),
    expected: `a whole number of milliseconds from 0 to ${maxTimerMs}; 0 for never`,
    help: "Mean delay of the event loop over five seconds from which on requests are answered with 503.",
    default: 1000,
  }),
  maxMemoryBytes: variable({
    name: "SHED_MEMORY_BYTES",
    type: wholeNumber(),
    expected: "a whole number of bytes; 0 for never",
    help: "Resident memory from which on requests are answered with 503.",
    defaultText: "90 % of the container's memory limit; never where there is none",
  }),
};

/** Values of {@link observabilityVariables}. */
export type ObservabilitySettings = SettingsOf<typeof observabilityVariables>;

/** Settings given in code, each beating its variable. */
export type ObservabilitySettingOptions = SettingOptions<typeof observabilityVariables>;
