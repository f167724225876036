/**
 * Reads `OTEL_EXPORTER_OTLP_HEADERS`: `name=value` pairs separated by commas, with percent-encoded values.
 *
 * @returns `undefined` when it is not that.
 */
export function pairsIn(text: string): Record<string, string> | undefined {
  const pairs = text.split(",").map((pair) => /^\s*([!#$%&'*+.^_`|~\w-]+)\s*=\s*(.*?)\s*$/.exec(pair));
  if (text.trim() === "") return {};
  try {
    return Object.fromEntries(
      pairs.map((pair) => {
        if (pair === null) throw new TypeError("no pair");
        const [, name = "", value = ""] = pair;
        return [name, decodeURIComponent(value)];
      }),
    );
  } catch {
    return undefined;
  }
}
