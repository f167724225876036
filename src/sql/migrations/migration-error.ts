/** Migrations cannot go on; the message says why, and what to do. Nothing is left half done unless it says so. */
export class MigrationError extends Error {
  readonly code = "migration";
  readonly statusCode = 500;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MigrationError";
  }
}
