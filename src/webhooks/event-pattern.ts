const segment = /^[a-z0-9_-]+$/;

/** True for `*`, a type such as `invoice.paid`, or a type whose last segment is `*`. */
export function isEventPattern(pattern: string): boolean {
  const segments = pattern.split(".");
  const last = segments.pop();
  return (
    pattern.length <= 128 &&
    segments.every((each) => segment.test(each)) &&
    last !== undefined &&
    (last === "*" || segment.test(last))
  );
}

/** Whether a pattern names a type: `invoice.*` names `invoice.paid` and `invoice.line.added`, not `invoice`. */
export function matchesEvent(pattern: string, type: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}
