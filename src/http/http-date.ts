const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const time = "([0-9]{2}):([0-9]{2}):([0-9]{2})";
const fixed = new RegExp(`^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ${time} GMT$`);
const rfc850 = new RegExp(`^[A-Z][a-z]{5,8}, ([0-9]{2})-([A-Z][a-z]{2})-([0-9]{2}) ${time} GMT$`);
const asctime = new RegExp(`^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9 ][0-9]) ${time} ([0-9]{4})$`);

/**
 * Seconds since the epoch of an HTTP date in any of its three forms (RFC 9110 §5.6.7); `undefined` for
 * everything else, which a recipient then ignores.
 */
export function parseHttpDate(raw: string): number | undefined {
  let match = fixed.exec(raw);
  if (match !== null) return seconds(match[3], match[2], match[1], match.slice(4));
  match = rfc850.exec(raw);
  if (match !== null) return seconds(nearCentury(Number(match[3])), match[2], match[1], match.slice(4));
  match = asctime.exec(raw);
  return match === null ? undefined : seconds(match[6], match[1], match[2], match.slice(3, 6));
}

/** The second in which a moment lies: HTTP dates have no fraction. */
export function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

function seconds(
  year: string | number | undefined,
  monthName: string | undefined,
  day: string | undefined,
  clock: readonly string[],
): number | undefined {
  const month = months.indexOf(monthName ?? "");
  const [hour = 99, minute = 99, second = 99] = clock.map(Number);
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(Date.UTC(Number(year), month, Number(day), hour, minute, second));
  return date.getUTCMonth() === month ? toSeconds(date) : undefined;
}

/** Two digits that would lie over 50 years ahead belong to the century before. */
function nearCentury(twoDigits: number): number {
  const now = new Date().getUTCFullYear();
  const year = now - (now % 100) + twoDigits;
  return year > now + 50 ? year - 100 : year;
}
