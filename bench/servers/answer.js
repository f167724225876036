/**
 * What a server process is told by its first argument, and what it says over IPC when it listens.
 *
 * @typedef {object} ServerTask
 * @property {string} dir Where its files are.
 *
 * @typedef {object} Served
 * @property {number} port
 * @property {number[]} [pids] Other processes that do its work.
 * @property {readonly string[]} [small] Targets of the small files.
 * @property {string} [medium] Target of the file that ranges are read of.
 * @property {string} [large]
 * @property {string} [upload] Where content is posted.
 * @property {boolean} [isForm] Whether it takes a form, and not the bare content.
 */

/** @type {ServerTask} */
export const task = JSON.parse(process.argv[2] ?? "{}");

/** @param {Served} served */
export function listening(served) {
  process.send?.(served);
  process.once("disconnect", () => process.exit());
}

/**
 * @param {import("node:http").Server} server
 * @param {Omit<Served, "port">} served
 */
export function listen(server, served) {
  server.listen(0, "127.0.0.1", () => listening({ port: portOf(server), ...served }));
}

/** @param {import("node:net").Server} server */
export function portOf(server) {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
