import {
  type BackendCall,
  type Capabilities,
  type Failure,
  LayerBackend,
  type Next,
  type Verb,
} from "svc-infra/storage";
import { MemoryBackend } from "svc-infra/storage/memory";

/** What {@link ScriptedBackend} fails with. */
export class ScriptedError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`scripted: ${failure.code}`);
    this.failure = failure;
  }
}

/** What happens to one call: a failure before the backend was asked, after it, or nothing ever. */
export type Step = { readonly before: Failure } | { readonly after: Failure } | "hang" | "pass";

/** A real backend whose next calls go as a script says; then they pass. */
export class ScriptedBackend extends LayerBackend<Capabilities> {
  readonly verbs: Verb[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  readonly #script: Step[];

  constructor(...script: Step[]) {
    super(new MemoryBackend({ baseUrl: "https://files.example.com/files" }));
    this.#script = script;
  }

  /** What the next calls do. */
  plan(...script: Step[]): void {
    this.#script.push(...script);
  }

  override classify(error: unknown): Failure {
    return error instanceof ScriptedError ? error.failure : super.classify(error);
  }

  protected override async intercept<T>(call: BackendCall, next: Next<T>): Promise<T> {
    this.verbs.push(call.verb);
    this.signals.push(call.signal);
    const step = this.#script.shift() ?? "pass";
    if (step === "hang") return new Promise<T>(() => undefined);
    if (step === "pass") return next(call.signal);
    if ("before" in step) throw new ScriptedError(step.before);
    await next(call.signal);
    throw new ScriptedError(step.after);
  }
}

export const unavailable: Failure = { code: "unavailable" };
export const refused: Failure = { code: "unavailable", applied: false };
