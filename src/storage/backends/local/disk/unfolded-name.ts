/**
 * A key, or a segment of one, spelled for a file system that ignores case and dots at the end of a name: `+a` stands for
 * `A`, and a last dot is followed by a `+`. No key holds a `+`, so no two keys share a place.
 */
export function unfoldedName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `+${letter.toLowerCase()}`).replace(/\.(?=\/|$)/g, ".+");
}

/**
 * The key that {@link unfoldedName} spelled. A file that another program put there may have capital letters, which
 * such a file system takes for small ones.
 */
export function keyOfUnfolded(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.\+(?=\/|$)/g, ".")
    .replace(/\+([a-z])/g, (_spelled, letter: string) => letter.toUpperCase());
}
