import { appendFileSync } from "node:fs";
import { createRequire, register } from "node:module";

// Hooks run in a thread of their own (node:module), so each module goes to a file at once.
const record = process.env.RECORD_TO;
const hooks = `
import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(${JSON.stringify(record)}, url + "\\n");
  return next(url, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

process.on("exit", () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  appendFileSync(record, loaded.map((file) => `${file}\n`).join(""));
});
