export { type HealthOptions, healthPlugin } from "./plugin.js";
