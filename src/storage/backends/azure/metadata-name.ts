/**
 * Names of metadata must be identifiers of C#: letters, digits and `_`, no digit first ("Naming and referencing
 * containers, blobs, and metadata"). A name that is one stays as it is; any other is spelled behind a start of the
 * kit's own, where `-` is `_h` and `_` is `_u`.
 */
export const ownStart = "svc_infra_";
const spelledStart = `${ownStart}n_`;
const identifier = /^[a-z_][a-z0-9_]*$/;

/** The name under which a pair of the user's is kept; another one for each name. */
export function encodeName(name: string): string {
  if (identifier.test(name) && !name.startsWith(ownStart)) return name;
  return spelledStart + name.replace(/[-_]/g, (each) => (each === "-" ? "_h" : "_u"));
}

/** The user's name; `undefined` where the pair is not the user's. */
export function decodeName(kept: string): string | undefined {
  if (!kept.startsWith(ownStart)) return kept;
  if (!kept.startsWith(spelledStart)) return undefined;
  return kept.slice(spelledStart.length).replace(/_[hu]/g, (each) => (each === "_h" ? "-" : "_"));
}
