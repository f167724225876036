import { createServer } from "node:net";
import { type Finding, ok, problem } from "./finding.js";

/** Whether the service can listen there. */
export async function checkPort(host: string, port: number): Promise<Finding> {
  const failure = await listenOnce(host, port);
  if (failure === undefined) return ok("port", `${host}:${port} is free`);
  return problem("port", `${host}:${port} cannot be used (${failure})`, cureOf(failure));
}

function cureOf(code: string): string {
  if (code === "EADDRINUSE") return "set PORT to another one, or end the program that has it";
  if (code === "EACCES") return "set PORT to 1024 or above";
  return "set HOST to an address of this machine, or to 0.0.0.0 for all of them";
}

function listenOnce(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(undefined)));
  });
}
