import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { listening, portOf, task } from "./answer.js";
import { plainTargets, prepareFixtures } from "./fixtures.js";

prepareFixtures(task.dir, "files");
const folder = `${task.dir}/nginx-${process.pid}`;
mkdirSync(folder, { recursive: true });
const port = await freePort();
writeFileSync(
  `${folder}/nginx.conf`,
  `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
user root;
events { worker_connections 512; }
http {
  access_log off; sendfile on; keepalive_requests 100000000; default_type application/octet-stream;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server { listen 127.0.0.1:${port}; root ${task.dir}/files; }
}`,
);
const nginx = spawn("nginx", ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`], {
  stdio: "inherit",
});
nginx.once("error", ({ message }) => {
  process.stderr.write(`${message}: Debian's package nginx must be installed\n`);
  process.exit(1);
});
nginx.once("exit", () => process.exit(1));
process.once("exit", () => nginx.kill());
while (!(await answers())) await sleep(20);
let pids = workers();
// nginx listens before it forks the worker.
for (; pids.length === 0; pids = workers()) await sleep(20);
listening({ port, pids, ...plainTargets("") });

function workers() {
  const children = readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "utf8");
  return children.split(" ").filter(Boolean).map(Number);
}

/** @returns {Promise<number>} */
function freePort() {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const free = portOf(server);
      server.close(() => resolve(free));
    });
  });
}

/** @returns {Promise<boolean>} */
function answers() {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
