/** What Fastify's own `register` takes along with a plugin's options. */
const registerNames: ReadonlySet<string> = new Set(["prefix", "logLevel", "logSerializers"]);

/** A plugin's own options, to be looked through for names that it does not know. */
export function withoutRegisterOptions(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !registerNames.has(name)));
}
