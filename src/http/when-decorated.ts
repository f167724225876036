import type { FastifyInstance } from "fastify";

/** Does what needs a decorator of the app: at once where it is there, else when the app is ready, if it was added by then. */
export function whenDecorated(app: FastifyInstance, name: string, work: () => void): void {
  const workIfThere = async () => {
    if (app.hasDecorator(name)) work();
  };
  if (app.hasDecorator(name)) work();
  else app.addHook("onReady", workIfThere);
}
