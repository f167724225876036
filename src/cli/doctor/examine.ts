import { planService, type ServicePlan } from "../../app/plan.js";
import { ConfigurationError, type Environment } from "../../kernel/index.js";
import { backendRows } from "../../storage/backends.js";
import { detectBackend } from "../../storage/from-env.js";
import { StorageConfigurationError } from "../../storage/index.js";
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
    if (error instanceof StorageConfigurationError) {
      const cure = "set the variable that the message names, in the environment or in .env";
      return { findings: [problem("settings", error.message, cure)] };
    }
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

const folderCure =
  "give the user that runs the service the right to write there, or set STORAGE_BASE_PATH to another folder";
const railwayCure =
  "set RAILWAY_RUN_UID=0: Railway mounts volumes for root, and the image runs as another user";

async function checkFolders(env: Environment): Promise<readonly Finding[]> {
  const { type } = detectBackend(env);
  if (type === "local") {
    const folder = env.STORAGE_BASE_PATH || env.RAILWAY_VOLUME_MOUNT_PATH || defaultFolder;
    return checkFolder(env.RAILWAY_VOLUME_MOUNT_PATH ? railwayCure : folderCure, folder);
  }
  return [];
}

async function checkClocks(env: Environment): Promise<readonly Finding[]> {
  const { type } = detectBackend(env);
  const endpoint = await backendRows[type].configure(env, {}).endpoint();
  return endpoint === undefined ? [] : checkClock(endpoint);
}
