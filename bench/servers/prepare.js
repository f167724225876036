import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { easyStorage } from "../../dist/storage/easy-storage.js";
import { task } from "./answer.js";
import { contentOf, fixtures, storageSettings } from "./fixtures.js";

if (process.argv[3] === "svc-infra") await prepareStorage(task.dir);
else preparePlainFiles(task.dir);

/** @param {string} dir */
async function prepareStorage(dir) {
  const storage = await easyStorage({}, storageSettings(dir));
  for (const { key, size } of fixtures()) await storage.put(key, contentOf(size));
  await storage.close();
}

/** @param {string} dir */
function preparePlainFiles(dir) {
  const unfinished = `${dir}/files.${process.pid}`;
  mkdirSync(`${unfinished}/small`, { recursive: true });
  for (const { key, size } of fixtures()) writeFileSync(`${unfinished}/${key}`, contentOf(size));
  renameSync(unfinished, `${dir}/files`);
}
