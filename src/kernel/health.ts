import { checkGivenOptions, type OptionRules } from "./option-rules.js";

/** Looks whether one thing works: returns when it does, throws when it does not. Stop when `signal` fires. */
export type HealthCheck = (signal: AbortSignal) => unknown;

export interface HealthCheckOptions {
  /** Whether the service is of no use without it. Default: true. */
  readonly critical?: boolean;
  /** Milliseconds until the check counts as failed. Default: 2,000. */
  readonly timeoutMs?: number;
}

/** How one check went. */
export interface HealthCheckResult {
  readonly status: "ok" | "failed";
  readonly critical: boolean;
  /** Milliseconds it took. */
  readonly ms: number;
  /** Why it failed; absent where errors are not shown. */
  readonly error?: string;
}

/** How all checks went. `degraded` means that only checks failed which are not critical. */
export interface HealthReport {
  readonly status: "ok" | "degraded" | "failed";
  readonly checks: Readonly<Record<string, HealthCheckResult>>;
}

export interface HealthRegistryOptions {
  /** Whether reports say why a check failed; leave it off where strangers can read them. Default: false. */
  readonly showErrors?: boolean;
  /** Milliseconds for which a result is kept, so that strangers cannot run the checks at will. Default: 3,000. */
  readonly keepMs?: number;
}

const registryRules: OptionRules<HealthRegistryOptions> = {
  call: "new HealthRegistry",
  kinds: { showErrors: "boolean", keepMs: "number" },
};

const checkRules: OptionRules<HealthCheckOptions> = {
  call: "health.add",
  kinds: { critical: "boolean", timeoutMs: "number" },
};

/** The things a service needs to be ready, each with a check of its own. */
export class HealthRegistry {
  readonly #checks = new Map<string, KeptCheck>();
  readonly #showErrors: boolean;
  readonly #keepMs: number;

  constructor(options: HealthRegistryOptions = {}) {
    checkGivenOptions(options, registryRules);
    this.#showErrors = options.showErrors ?? false;
    this.#keepMs = options.keepMs ?? 3000;
  }

  /**
   * Adds a check.
   *
   * @throws Error when the name is taken.
   */
  add(name: string, check: HealthCheck, options: HealthCheckOptions = {}): void {
    checkGivenOptions(options, checkRules);
    if (this.#checks.has(name)) throw new Error(`there is a health check '${name}' already`);
    const { critical = true, timeoutMs = 2000 } = options;
    const run = () => this.#runCheck(check, critical, timeoutMs);
    this.#checks.set(name, new KeptCheck(run, this.#keepMs));
  }

  /** Forgets a check, as when the thing it looks at is closed. Returns whether there was one. */
  remove(name: string): boolean {
    return this.#checks.delete(name);
  }

  /**
   * Runs all checks at the same time; never throws and takes no longer than the longest timeout. Callers at the
   * same time share one run of each check, and its result holds for `keepMs` after it.
   */
  async run(): Promise<HealthReport> {
    const names = [...this.#checks.keys()];
    const results = await Promise.all([...this.#checks.values()].map((check) => check.result()));
    const checks = Object.fromEntries(results.map((result, index) => [names[index] ?? "", result]));
    return { status: statusOf(results), checks };
  }

  /** Runs one check as {@link run} does; `undefined` when no check has that name. */
  async runOne(name: string): Promise<HealthCheckResult | undefined> {
    return this.#checks.get(name)?.result();
  }

  async #runCheck(check: HealthCheck, critical: boolean, timeoutMs: number): Promise<HealthCheckResult> {
    const startedAt = performance.now();
    const failure = await failureOf(check, timeoutMs);
    const ms = Math.round(performance.now() - startedAt);
    if (failure === undefined) return { status: "ok", critical, ms };
    return { status: "failed", critical, ms, ...(this.#showErrors ? { error: failure } : {}) };
  }
}

/** A check whose result is shared by all who ask while it runs, and kept for a while. */
class KeptCheck {
  readonly #run: () => Promise<HealthCheckResult>;
  readonly #keepMs: number;
  #last: Promise<HealthCheckResult> | undefined;
  #expiresAt = 0;

  constructor(run: () => Promise<HealthCheckResult>, keepMs: number) {
    this.#run = run;
    this.#keepMs = keepMs;
  }

  result(): Promise<HealthCheckResult> {
    if (this.#last !== undefined && performance.now() < this.#expiresAt) return this.#last;
    this.#expiresAt = Number.POSITIVE_INFINITY;
    this.#last = this.#run().finally(() => {
      this.#expiresAt = performance.now() + this.#keepMs;
    });
    return this.#last;
  }
}

/** Why the check failed, or `undefined`. A check that ignores its signal is not waited for. */
async function failureOf(check: HealthCheck, timeoutMs: number): Promise<string | undefined> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${timeoutMs} ms`);
      reject(error);
      abort.abort(error);
    }, timeoutMs);
  });
  try {
    await Promise.race([timeout, Promise.resolve(abort.signal).then(check)]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

function statusOf(results: readonly HealthCheckResult[]): HealthReport["status"] {
  const failed = results.filter(({ status }) => status === "failed");
  if (failed.some(({ critical }) => critical)) return "failed";
  return failed.length > 0 ? "degraded" : "ok";
}
