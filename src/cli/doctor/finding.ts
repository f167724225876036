/** What `doctor` found out about one thing. */
export interface Finding {
  /** The part of the set-up: `runtime`, `settings`, `packages`, `folders`, `port`, `clock`, `connections`. */
  readonly area: string;
  readonly status: "ok" | "warning" | "problem";
  readonly message: string;
  /** What to do; there for all that is not ok. */
  readonly cure?: string;
}

/** Nothing to do. */
export function ok(area: string, message: string): Finding {
  return { area, status: "ok", message };
}

/** It works, and should be changed. */
export function warning(area: string, message: string, cure: string): Finding {
  return { area, status: "warning", message, cure };
}

/** It does not work. */
export function problem(area: string, message: string, cure: string): Finding {
  return { area, status: "problem", message, cure };
}
