import { createServer } from "node:http";
import send from "send";
import { listen, task } from "./answer.js";
import { plainTargets, prepareFixtures } from "./fixtures.js";

prepareFixtures(task.dir, "files");
const root = `${task.dir}/files`;
const server = createServer((request, response) => {
  send(request, request.url ?? "/", { root }).pipe(response);
});
listen(server, plainTargets(""));
