export { type AppEnv, type AppEnvFinding, appEnvOf, findAppEnv } from "./app-env.js";
export { ConfigurationError, type ConfigurationProblem, collectProblems } from "./configuration-error.js";
export { markSource, readEnvironment, sourceOf, type VariableSource } from "./env-file.js";
export { type Environment, isVariableSet, readVariable, withDefaults } from "./environment.js";
export { escapeHtml } from "./escape-html.js";
export { findForeignAddress, refuseForeignAddress } from "./foreign-address.js";
export {
  type HealthCheck,
  type HealthCheckOptions,
  type HealthCheckResult,
  HealthRegistry,
  type HealthRegistryOptions,
  type HealthReport,
} from "./health.js";
export { loadPeer } from "./load-peer.js";
export { type Logger, type LogMethod, silentLogger } from "./logger.js";
export { isLoopback } from "./loopback.js";
export { checkGivenOptions, findOptionProblem, type OptionKind, type OptionRules } from "./option-rules.js";
export { joinPools, measurePools, type PoolFacts } from "./pools.js";
export { redisAddress, redisUrl } from "./redis-url.js";
export { Secret } from "./secret.js";
export { loadSettings, parseSettings } from "./settings.js";
export { isTenantId, tenantRule } from "./tenant-id.js";
export { activeTraceparent, answerTraceparent } from "./traceparent.js";
export {
  flag,
  httpUrl,
  type OptionOf,
  oneOf,
  type SettingOptions,
  type SettingsOf,
  type SettingsSchema,
  secretList,
  secretText,
  text,
  type Variable,
  type VariableSpec,
  variable,
  wholeNumber,
} from "./variable.js";
export { within } from "./within.js";
export { WorkChannel } from "./work-channel.js";
