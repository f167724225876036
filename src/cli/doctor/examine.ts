import { draftService, type MissingHelper, type ServicePlan } from "../../app/plan.js";
import { type Environment, loadSettings } from "../../kernel/index.js";
import { backendRows, backendVariables } from "../../storage/backends.js";
import { detectBackend } from "../../storage/from-env.js";
import { StorageConfigurationError } from "../../storage/index.js";
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
  const { plan, missing = [], findings: settings } = await checkSettings(env);
  const before = [...checkRuntime(), ...checkPackages(), ...settings, ...checkNames()];
  if (plan === undefined) return before;
  const { host, port } = plan.settings;
  return [
    ...before,
    ...(await checkFolders(env)),
    await checkPort(host, port),
    ...(await checkClocks(env)),
    ...(await checkConnections(
      env,
      missing.map(({ neededBy }) => neededBy),
    )),
  ];
}

interface CheckedSettings {
  readonly plan?: ServicePlan;
  readonly missing?: readonly MissingHelper[];
  readonly findings: readonly Finding[];
}

async function checkSettings(env: Environment): Promise<CheckedSettings> {
  try {
    const { plan, problems, missing } = await draftService({}, env);
    const findings = [
      ...(plan === undefined ? [] : [ok("settings", describePlan(plan))]),
      ...problems.map(({ name, message }) =>
        problem("settings", `${name}: ${message}`, `set ${name}, in the environment or in .env`),
      ),
      ...missing.map(describeMissing),
    ];
    return { ...(plan === undefined ? {} : { plan }), missing, findings };
  } catch (error) {
    if (!(error instanceof StorageConfigurationError)) throw error;
    const cure = "set the variable that the message names, in the environment or in .env";
    return { findings: [problem("settings", error.message, cure)] };
  }
}

function describePlan({ appEnv, helpers }: ServicePlan): string {
  const on = helpers.filter(({ isOn }) => isOn).map(({ helper, reason }) => `${helper.name} (${reason})`);
  return `${appEnv}; on: ${on.join(", ") || "nothing but the app"}`;
}

/** No problem, since code may turn the helper on. */
function describeMissing({ name, enabledBy, neededBy, reason }: MissingHelper): Finding {
  return warning(
    "settings",
    `${name} is off, and ${neededBy} needs it (${reason}); the connections are looked at without ${neededBy}`,
    `set one of ${enabledBy.join(", ")}, unless the code says ${name}: true`,
  );
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
    const { basePath: folder } = loadSettings(backendVariables.local, env);
    return checkFolder(env.RAILWAY_VOLUME_MOUNT_PATH ? railwayCure : folderCure, folder);
  }
  return [];
}

async function checkClocks(env: Environment): Promise<readonly Finding[]> {
  const { type } = detectBackend(env);
  const endpoint = await backendRows[type].configure(env, {}).endpoint();
  return endpoint === undefined ? [] : checkClock(endpoint);
}
