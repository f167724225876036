import { type Finding, ok, problem, warning } from "./finding.js";

/** Signatures are refused from 15 minutes on; tokens and certificates are stricter. */
const mostSkewMs = 60_000;

/**
 * Compares this machine's clock with that of a server that the service uses anyway.
 *
 * @param url - the service that keeps the files, which tells its time in the `Date` of any answer.
 */
export async function checkClock(url: string): Promise<readonly Finding[]> {
  const sentAt = Date.now();
  try {
    const response = await fetch(url, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(3000),
    });
    const date = Date.parse(response.headers.get("date") ?? "");
    if (Number.isNaN(date)) return [];
    const skewMs = Math.max(0, Math.abs(date + 500 - (sentAt + Date.now()) / 2) - 500);
    if (skewMs <= mostSkewMs) return [ok("clock", `agrees with ${new URL(url).host}`)];
    const message = `differs from ${new URL(url).host} by ${Math.round(skewMs / 1000)} s`;
    return [problem("clock", message, "set the clock of this machine, and keep it right with NTP")];
  } catch {
    return [
      warning(
        "clock",
        `${new URL(url).host} does not answer, so the clock was not compared`,
        "look at the connections",
      ),
    ];
  }
}
