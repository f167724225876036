import { createWriteStream, mkdirSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import multipart from "@fastify/multipart";
import Fastify from "fastify";
import { listening, portOf, task } from "./answer.js";

const folder = `${task.dir}/fastify-multipart`;
mkdirSync(folder, { recursive: true });
let count = 0;
const app = Fastify();
await app.register(multipart, { limits: { fileSize: 2 ** 31 } });
app.post("/upload", async (request) => {
  for await (const part of request.parts()) {
    if (part.type !== "file") continue;
    count += 1;
    await pipeline(part.file, createWriteStream(`${folder}/${count % 256}`));
  }
  return {};
});
await app.listen({ port: 0, host: "127.0.0.1" });
listening({ port: portOf(app.server), upload: "/upload", isForm: true });
