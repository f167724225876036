import fastifyStatic from "@fastify/static";
import Fastify from "fastify";
import { listening, portOf, task } from "./answer.js";
import { plainTargets, prepareFixtures } from "./fixtures.js";

prepareFixtures(task.dir, "files");
const app = Fastify();
await app.register(fastifyStatic, { root: `${task.dir}/files`, prefix: "/static/" });
await app.listen({ port: 0, host: "127.0.0.1" });
listening({ port: portOf(app.server), ...plainTargets("/static") });
