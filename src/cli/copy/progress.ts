import type { Amount, TransferState } from "../../storage/transfer/transfer-progress.js";
import { formatBytes, formatCount, formatDuration } from "./amounts.js";
import { Pace } from "./pace.js";

/** What of a stream of the terminal the progress needs. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const terminalIntervalMs = 200;
const lineIntervalMs = 5000;
const widestBar = 30;
/** Where a terminal does not say how wide it is. */
const usualColumns = 80;

/** How the parts of a line are put together. */
interface Words {
  readonly of: string;
  readonly between: string;
}

const lineWords: Words = { of: " of ", between: ", " };
/** Short, so that there is room for a bar. */
const barWords: Words = { of: "/", between: "  " };

/** Shows how far a transfer is: on a terminal one line that changes, elsewhere a line now and then. */
export class Progress {
  readonly #state: TransferState;
  readonly #output: ProgressOutput;
  readonly #pace = new Pace();
  readonly #timer: NodeJS.Timeout;

  constructor(state: TransferState, output: ProgressOutput) {
    this.#state = state;
    this.#output = output;
    this.#pace.add(doneOf(state), performance.now());
    this.#timer = setInterval(() => this.#show(), output.isTTY ? terminalIntervalMs : lineIntervalMs).unref();
  }

  /** Shows nothing more, and clears the line away. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY) this.#output.write("\r\u001b[K");
  }

  #show(): void {
    this.#pace.add(doneOf(this.#state), performance.now());
    const { isTTY, columns } = this.#output;
    const text = isTTY
      ? `\r\u001b[K${barLine(this.#state, this.#pace, columns || usualColumns)}`
      : `${describeProgress(this.#state, this.#pace)}\n`;
    this.#output.write(text);
  }
}

/** `512 of 10,000 objects, 1.2 GB of 3.4 GB, 85.0 MB/s, 25 s left, 2 failed`. */
export function describeProgress(state: TransferState, pace: Pace, words: Words = lineWords): string {
  const { total, failures } = state;
  const { objects, bytes } = doneOf(state);
  const remainingMs = total && pace.remainingMs(total);
  const parts = [
    `${formatCount(objects)}${total ? words.of + formatCount(total.objects) : ""} objects`,
    `${formatBytes(bytes)}${total ? words.of + formatBytes(total.bytes) : ""}`,
    `${formatBytes(pace.bytesPerSecond)}/s`,
    remainingMs === undefined ? undefined : `${formatDuration(remainingMs)} left`,
    failures.length === 0 ? undefined : `${formatCount(failures.length)} failed`,
  ];
  return parts.filter((part) => part !== undefined).join(words.between);
}

/** The same with a bar before it, as wide as the terminal allows; a bar of fewer than 5 places tells nothing. */
export function barLine(state: TransferState, pace: Pace, columns: number): string {
  const line = describeProgress(state, pace, barWords);
  const width = Math.min(widestBar, columns - line.length - " 100%  ".length - 1);
  if (state.total === undefined || width < 5) return line.slice(0, columns - 1);
  const share = shareOf(doneOf(state), state.total);
  const full = Math.floor(share * width);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${percent}  ${line}`;
}

/** By bytes, or by objects where these have none. */
function shareOf(done: Amount, total: Amount): number {
  const [part, whole] = total.bytes > 0 ? [done.bytes, total.bytes] : [done.objects, total.objects];
  return whole === 0 ? 1 : Math.min(1, part / whole);
}

function doneOf({ copied, unchanged, failures, bytesUnderWay }: TransferState): Amount {
  return {
    objects: copied.objects + unchanged.objects + failures.length,
    bytes: copied.bytes + unchanged.bytes + bytesUnderWay,
  };
}
