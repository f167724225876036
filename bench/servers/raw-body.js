import { createWriteStream, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { pipeline } from "node:stream/promises";
import { listen, task } from "./answer.js";

const folder = `${task.dir}/raw-body`;
mkdirSync(folder, { recursive: true });
let count = 0;
const server = createServer(async (request, response) => {
  count += 1;
  await pipeline(request, createWriteStream(`${folder}/${count % 256}`));
  response.end("{}");
});
listen(server, { upload: "/upload" });
