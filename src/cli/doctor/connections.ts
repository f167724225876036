import type { HelperOptions } from "../../app/helper-options.js";
import { easyServiceApp } from "../../app/index.js";
import { ConfigurationError, type Environment, type HealthReport } from "../../kernel/index.js";
import { type Finding, ok, problem } from "./finding.js";

/** What a service would change as soon as it is made. Its schedules name jobs of the application, too, which are not here. */
const changesNothing = { SQL_AUTO_MIGRATE: "false", JOBS_SCHEDULE_JSON: "" };

/**
 * Makes the service as it would start, and runs every check of its health. It is never made ready: it would handle the jobs of
 * the real queue, and relay its outbox.
 *
 * @param without - helpers that only the code of the service makes complete.
 */
export async function checkConnections(
  env: Environment,
  without: readonly (keyof HelperOptions)[],
): Promise<readonly Finding[]> {
  const silent = { ...env, LOG_LEVEL: "silent", ...changesNothing };
  try {
    const off = Object.fromEntries(without.map((helper) => [helper, false as const]));
    const app = await easyServiceApp({ name: "doctor", env: silent, ...off });
    try {
      return findingsOf(await app.health.run());
    } finally {
      await app.close();
    }
  } catch (error) {
    return failuresOf(error);
  }
}

function findingsOf({ checks }: HealthReport): readonly Finding[] {
  const findings = Object.entries(checks).map(([name, { status, ms, error }]) =>
    status === "ok"
      ? ok("connections", `${name} answers (${ms} ms)`)
      : problem(
          "connections",
          `${name} does not answer${error === undefined ? "" : `: ${error}`}`,
          cure(name),
        ),
  );
  return findings.length > 0 ? findings : [ok("connections", "no helper is on, so nothing is connected to")];
}

function failuresOf(error: unknown): readonly Finding[] {
  if (error instanceof ConfigurationError) {
    return error.problems.map(({ name, message }) =>
      problem("connections", `${name}: ${message}`, `set ${name} as the message says`),
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return [
    problem(
      "connections",
      message,
      "look at the variables that the message names, and whether the server runs",
    ),
  ];
}

function cure(name: string): string {
  return `look whether its server runs and can be reached from here; \`svc-infra env\` shows the variables of ${name}`;
}
