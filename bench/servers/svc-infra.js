import Fastify from "fastify";
import { LocalBackend } from "../../dist/storage/backends/local/index.js";
import { addStorage } from "../../dist/storage/fastify/index.js";
import { listening, task } from "./answer.js";
import { contentOf, fixtures } from "./fixtures.js";

const app = Fastify();
const storage = await addStorage(
  app,
  new LocalBackend({ basePath: `${task.dir}/svc-infra`, durability: "fast" }),
  {
    serveFiles: true,
    authorize: () => true,
    maxUploadBytes: 2 ** 31,
  },
);
for (const { key, size } of fixtures()) {
  if (!(await storage.exists(key))) await storage.put(key, contentOf(size));
}
await app.listen({ port: 0, host: "127.0.0.1" });
const targetOf = async (/** @type {string} */ key) => {
  const { pathname, search } = new URL(await storage.getUrl(key, { expiresIn: 86_400 }));
  return pathname + search;
};
const small = fixtures().filter(({ key }) => key.startsWith("small/"));
listening({
  port: app.addresses()[0]?.port ?? 0,
  small: await Promise.all(small.map(({ key }) => targetOf(key))),
  medium: await targetOf("medium.bin"),
  large: await targetOf("large.bin"),
  upload: "/_storage/upload",
  isForm: true,
});
