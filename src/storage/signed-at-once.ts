/** URLs that are signed at once: more would only wait for a service that signs each. */
const signedAtOnce = 32;

/** Signs for many, in their order, and never for too many at a time. */
export async function signAll<T, Signed>(
  items: readonly T[],
  sign: (item: T) => Signed | Promise<Signed>,
): Promise<readonly Signed[]> {
  const signed: Signed[] = [];
  for (let at = 0; at < items.length; at += signedAtOnce) {
    const batch = items.slice(at, at + signedAtOnce);
    signed.push(...(await Promise.all(batch.map((item) => sign(item)))));
  }
  return signed;
}
