/** One variable or option that cannot be used. */
export interface ConfigurationProblem {
  /** The variable as it is spelled in the environment, or the option that was given instead. */
  readonly name: string;
  /** What is wrong and what was expected; holds no secret. */
  readonly message: string;
}

/**
 * The service is set up wrongly. The message names every variable at fault, so that one restart is enough.
 */
export class ConfigurationError extends Error {
  readonly code = "configuration";
  readonly statusCode = 500;
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[], options?: ErrorOptions) {
    super(problems.map(({ name, message }) => `${name}: ${message}`).join("\n"), options);
    this.name = "ConfigurationError";
    this.problems = problems;
  }

  /** Names of the variables and options at fault, in the order of the message. */
  get variables(): readonly string[] {
    return this.problems.map(({ name }) => name);
  }
}

/**
 * Runs a step, keeping its configuration problems for one error that names them all.
 *
 * @returns what the step returned, or `undefined` when there were problems.
 */
export function collectProblems<T>(problems: ConfigurationProblem[], step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}
