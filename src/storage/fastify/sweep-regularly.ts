import type { FastifyInstance } from "fastify";
import type { Storage } from "../storage.js";

/**
 * Sweeps a storage while the app runs. Processes that start together do not sweep together: the first turn comes at a random
 * time. What all of them do twice does no harm.
 *
 * @param everyMs - 0 for never.
 */
export function sweepRegularly(app: FastifyInstance, storage: Storage, everyMs: number): void {
  if (everyMs === 0) return;
  const closing = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const waitMs = (ms: number) => {
    timer = setTimeout(() => void turn(), ms).unref();
  };
  const turn = async () => {
    try {
      const report = await storage.sweep({ signal: closing.signal });
      if (report.staged + report.uploads > 0) app.log.info(report, "abandoned uploads were removed");
    } catch (error) {
      if (!closing.signal.aborted) app.log.warn({ err: error }, "abandoned uploads could not be removed");
    }
    if (!closing.signal.aborted) waitMs(everyMs);
  };
  waitMs(Math.random() * everyMs);
  app.addHook("preClose", async () => {
    closing.abort();
    clearTimeout(timer);
  });
}
