import { createWriteStream, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { pipeline } from "node:stream/promises";
import busboy from "busboy";
import { listen, task } from "./answer.js";

const folder = `${task.dir}/busboy`;
mkdirSync(folder, { recursive: true });
let count = 0;
const server = createServer((request, response) => {
  /** @type {Promise<void>[]} */
  const writing = [];
  const form = busboy({ headers: request.headers });
  form.on("file", (_name, file) => {
    count += 1;
    writing.push(pipeline(file, createWriteStream(`${folder}/${count % 256}`)));
  });
  form.on("close", () => Promise.all(writing).then(() => response.end("{}")));
  request.pipe(form);
});
listen(server, { upload: "/upload", isForm: true });
