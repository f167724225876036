import { setTimeout as after } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { type AnyApp, fastifyOf } from "../http/index.js";
import { ConfigurationError } from "../kernel/index.js";
import { urlOf } from "./address.js";
import { appVariables, maxTimerMs } from "./settings.js";

/**
 * Listens on `HOST` and `PORT` and stops without losing a request. On SIGTERM (or Ctrl-C) `/readyz` fails first; requests go on
 * for `SHUTDOWN_DELAY_MS`; then the app closes: requests in flight and running jobs end, helpers close, within
 * `SHUTDOWN_TIMEOUT_MS`. After four fifths of it jobs are given back and requests are cut, so that the helpers can close;
 * when requests were cut the exit code is 1. A second signal ends
 * the process at once.
 *
 * @param app - made by `easyServiceApp`.
 * @returns where the service is reached from this machine.
 * @throws ConfigurationError when it cannot listen there.
 */
export async function startService(app: AnyApp): Promise<string> {
  const { default: closeWithGrace } = await import("close-with-grace");
  const service = fastifyOf(app);
  const { appEnv, settings, draining } = service.service;
  const delayMs = settings.shutdownDelayMs ?? (appEnv === "prod" ? 5000 : 0);
  closeWithGrace(
    // A longer timer would run out at once.
    { delay: Math.min(delayMs + settings.shutdownTimeoutMs, maxTimerMs), logger: service.log },
    async ({ err, signal }) => {
      if (err !== undefined) service.log.error({ err }, "the service stops because of an error");
      else service.log.info({ signal, delayMs }, `${signal}: not ready any more; closing in ${delayMs} ms`);
      draining.begin();
      if (err === undefined) await after(delayMs);
      await service.close();
      if (draining.hasCut) throw new Error("requests in flight were cut (SHUTDOWN_TIMEOUT_MS)");
    },
  );
  await listen(service);
  return urlOf(settings);
}

/** For the name `localhost` Fastify would open a second server for the other address, which would end without draining. */
async function listen(app: FastifyInstance): Promise<void> {
  const { host, port } = app.service.settings;
  try {
    await app.listen({ host: host === "localhost" ? "127.0.0.1" : host, port });
  } catch (error) {
    await app.close();
    const reason = error instanceof Error ? error.message : String(error);
    const { name } = isAboutPort(error) ? appVariables.port : appVariables.host;
    throw new ConfigurationError([{ name, message: `cannot listen: ${reason}` }], { cause: error });
  }
}

/** A port is taken or needs rights; all else says that there is no such address here. */
function isAboutPort(error: unknown): boolean {
  return error instanceof Error && "code" in error && portErrors.has(error.code);
}

const portErrors: ReadonlySet<unknown> = new Set(["EADDRINUSE", "EACCES"]);
