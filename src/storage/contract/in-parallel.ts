/** The items in groups of so many, the last one smaller. */
export function groupsOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** URLs that are signed at once: more would only wait for a service that signs each. */
export const signedAtOnce = 32;

/**
 * Does the work for every item, so many at once; the results are in the order of the items. After the first failure no
 * further work begins.
 */
export async function inParallel<T, Result>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const waiting = items.entries();
  const worker = async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  } finally {
    Array.from(waiting);
  }
  return results;
}
