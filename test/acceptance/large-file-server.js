import Fastify from "fastify";
import { addStorage } from "svc-infra";
import { LocalBackend } from "svc-infra/storage/local";

const [basePath = ""] = process.argv.slice(2);
const app = Fastify();
const backend = new LocalBackend({ basePath, durability: "fast" });
await addStorage(app, backend, { authorize: "open", maxUploadBytes: 8 * 1024 ** 3 });
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
