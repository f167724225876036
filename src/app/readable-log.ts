import { styleText } from "node:util";

/** What is read of a log line. */
interface LogEntry {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly reqId?: string;
  readonly req?: { readonly method: string; readonly url: string };
  readonly res?: { readonly statusCode: number };
  readonly responseTime?: number;
  readonly err?: { readonly message: string; readonly stack?: string };
}

type Style = Parameters<typeof styleText>[0];

const words: readonly (readonly [level: number, word: string, style: Style])[] = [
  [50, "error", "red"],
  [40, "warn", "yellow"],
  [30, "info", "green"],
  [0, "debug", "gray"],
];
/** Requests that are remembered until they are answered. */
const maxRequests = 1000;

/** Turns the JSON lines of the log into lines for a person at a terminal; a request is one line, when it was answered. */
export class ReadableLog {
  readonly #write: (text: string) => void;
  readonly #hasColors: boolean;
  readonly #requests = new Map<string, string>();

  constructor(write: (text: string) => void, hasColors: boolean) {
    this.#write = write;
    this.#hasColors = hasColors;
  }

  /** Takes one line of JSON. */
  write(line: string): void {
    const entry: LogEntry = JSON.parse(line);
    const text = this.#textOf(entry);
    if (text === undefined) return;
    const [, word = "", style = "gray"] = words.find(([level]) => entry.level >= level) ?? [];
    const time = new Date(entry.time).toTimeString().slice(0, 8);
    this.#write(`${this.#styled("gray", time)} ${this.#styled(style, word.padEnd(5))} ${text}\n`);
  }

  #textOf(entry: LogEntry): string | undefined {
    const { req, res, reqId = "", err, msg = "" } = entry;
    if (req !== undefined && res === undefined && err === undefined) {
      this.#remember(reqId, `${req.method} ${req.url}`);
      return undefined;
    }
    if (res !== undefined && err === undefined) return this.#answered(entry, res.statusCode);
    return err === undefined ? msg : `${msg}\n${err.stack ?? err.message}`;
  }

  #remember(id: string, request: string): void {
    this.#requests.set(id, request);
    const [oldest = ""] = this.#requests.keys();
    if (this.#requests.size > maxRequests) this.#requests.delete(oldest);
  }

  #answered({ reqId = "", responseTime = 0 }: LogEntry, status: number): string {
    const request = this.#requests.get(reqId) ?? "a request";
    this.#requests.delete(reqId);
    return `${request} ${status} ${this.#styled("gray", `${responseTime.toFixed(1)} ms`)}`;
  }

  #styled(style: Style, text: string): string {
    return this.#hasColors ? styleText(style, text) : text;
  }
}
