export { type JoinHealthOptions, joinHealth } from "./join-health.js";
export { type HealthOptions, healthPlugin } from "./plugin.js";
