/** The name that was most likely meant, or `undefined` when none is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const each of known) {
    const distance = editDistance(name, each);
    if (distance < (best?.distance ?? Math.max(3, name.length / 4) + 1)) best = { name: each, distance };
  }
  return best?.name;
}

/** Characters to insert, remove or replace to make one text of the other (Levenshtein). */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, char] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, otherChar] of [...other].entries()) {
      const replaced = (row[j] ?? 0) + (char === otherChar ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
