import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import formidable from "formidable";
import { listen, task } from "./answer.js";

const folder = `${task.dir}/formidable`;
mkdirSync(folder, { recursive: true });
let count = 0;
const server = createServer(async (request, response) => {
  count += 1;
  const filename = () => `${count % 256}`;
  await formidable({ uploadDir: folder, maxFileSize: 2 ** 31, maxTotalFileSize: 2 ** 31, filename }).parse(
    request,
  );
  response.end("{}");
});
listen(server, { upload: "/upload", isForm: true });
