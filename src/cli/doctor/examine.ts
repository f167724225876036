import { planService, type ServicePlan } from "../../app/plan.js";
import { ConfigurationError, type Environment, isVariableSet } from "../../kernel/index.js";
import { detectBackend } from "../../storage/from-env.js";
import { defaultFolder } from "../local-fallback.js";
import { reportVariables } from "../variable-report.js";
import { checkClock } from "./clock.js";
import { checkConnections } from "./connections.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import { checkFolder } from "./folders.js";
import { checkPackages } from "./packages.js";
import { checkPort } from "./port.js";
import { checkRuntime } from "./runtime.js";

/** Looks at everything that a service needs here. Only what does not depend on a broken setting is tried. */
export async function examine(env: Environment): Promise<readonly Finding[]> {
  const { plan, findings: settings } = await checkSettings(env);
  const before = [...checkRuntime(), ...checkPackages(), ...settings, ...checkNames()];
  if (plan === undefined) return before;
  const { host, port } = plan.settings;
  return [
    ...before,
    ...(await checkFolders(env)),
    await checkPort(host, port),
    ...(await checkClocks(env)),
    ...(await checkConnections(env)),
  ];
}

async function checkSettings(
  env: Environment,
): Promise<{ readonly plan?: ServicePlan; readonly findings: readonly Finding[] }> {
  try {
    const plan = await planService({}, env);
    const on = plan.helpers
      .filter(({ isOn }) => isOn)
      .map(({ helper, reason }) => `${helper.name} (${reason})`);
    return {
      plan,
      findings: [ok("settings", `${plan.appEnv}; on: ${on.join(", ") || "nothing but the app"}`)],
    };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const findings = error.problems.map(({ name, message }) =>
      problem("settings", `${name}: ${message}`, `set ${name}, in the environment or in .env`),
    );
    return { findings };
  }
}

function checkNames(): readonly Finding[] {
  return reportVariables().unknown.map(({ name, nearest }) => {
    const cure = nearest === undefined ? "remove it, if it is for nothing else" : `name it ${nearest}`;
    return warning("settings", `${name} is set, and nothing reads it`, cure);
  });
}

async function checkFolders(env: Environment): Promise<readonly Finding[]> {
  const { type, reason } = detectBackend(env);
  if (type === "local") {
    const folder = env.STORAGE_BASE_PATH || env.RAILWAY_VOLUME_MOUNT_PATH || defaultFolder;
    return checkFolder(env.STORAGE_BASE_PATH ? "STORAGE_BASE_PATH" : reason, folder);
  }
  return [];
}

async function checkClocks(env: Environment): Promise<readonly Finding[]> {
  const endpoint = env.STORAGE_S3_ENDPOINT;
  return endpoint !== undefined && isVariableSet(env, "STORAGE_S3_ENDPOINT") ? checkClock(endpoint) : [];
}
