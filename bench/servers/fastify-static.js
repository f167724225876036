import fastifyStatic from "@fastify/static";
import Fastify from "fastify";
import { listening, task } from "./answer.js";
import { plainTargets, prepareFixtures } from "./fixtures.js";

prepareFixtures(task.dir, "files");
const app = Fastify();
await app.register(fastifyStatic, { root: `${task.dir}/files`, prefix: "/static/" });
await app.listen({ port: 0, host: "127.0.0.1" });
listening({ port: app.addresses()[0]?.port ?? 0, ...plainTargets("/static") });
