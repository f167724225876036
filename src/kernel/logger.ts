/** Writes one line: facts first, then the sentence for people. */
export interface LogMethod {
  (facts: object, message?: string): void;
  (message: string): void;
}

/** What the kit needs of a logger; pino, and so `app.log` of Fastify, is one. */
export interface Logger {
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
}

/** Logs nothing. */
export const silentLogger: Logger = Object.freeze({
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
});

function ignore(): void {}
