import Fastify from "fastify";
import { easyStorage } from "../../dist/storage/easy-storage.js";
import { addStorage } from "../../dist/storage/fastify/index.js";
import { listening, portOf, task } from "./answer.js";
import { fixtures, prepareFixtures, storageSettings } from "./fixtures.js";

/**
 * Serves the fixtures and takes forms, as users do: `addStorage` with its default layers behind Fastify.
 *
 * @param {(storage: import("../../dist/storage/index.js").Storage) => import("../../dist/storage/index.js").Storage} narrowed
 */
export async function serveStorage(narrowed = (storage) => storage) {
  prepareFixtures(task.dir, "svc-infra");
  const app = Fastify();
  const storage = await addStorage(app, narrowed(await easyStorage({}, storageSettings(task.dir))), {
    serveFiles: true,
    authorize: () => true,
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  const targetOf = async (/** @type {string} */ key) => {
    const { pathname, search } = new URL(await storage.getUrl(key, { expiresIn: 86_400 }));
    return pathname + search;
  };
  const small = fixtures().filter(({ key }) => key.startsWith("small/"));
  listening({
    port: portOf(app.server),
    small: await Promise.all(small.map(({ key }) => targetOf(key))),
    medium: await targetOf("medium.bin"),
    large: await targetOf("large.bin"),
    upload: "/_storage/upload",
    isForm: true,
  });
}
