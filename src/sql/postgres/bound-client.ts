import type { Client, ClientConfig } from "pg";

const boundMechanism = "SCRAM-SHA-256-PLUS";

/**
 * The driver's client, bound to the server whose certificate it has seen (RFC 5802 §6). The driver prefers channel binding
 * where the server offers it. This one sends no password, and takes no server, that does without it.
 */
export function boundClient(base: typeof Client): new (config?: string | ClientConfig) => Client {
  return class extends base {
    constructor(config?: string | ClientConfig) {
      super(config);
      const { connection } = this;
      let isOffered = false;
      let isBound = false;
      const refuse = () => {
        const message = `the server does not sign in by ${boundMechanism}, which channel_binding=require asks for`;
        connection.stream.destroy();
        // The server may have sent all of the sign-in at once. The driver must not take it for done: an error after that has no listener yet.
        connection.removeAllListeners("readyForQuery");
        connection.emit("error", new Error(message));
      };
      // The driver adds its own listeners when it connects, so that these come first.
      connection.on("authenticationCleartextPassword", refuse);
      connection.on("authenticationMD5Password", refuse);
      connection.on("authenticationSASL", ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
        isOffered = mechanisms.includes(boundMechanism);
        if (!isOffered) refuse();
      });
      connection.on("authenticationSASLFinal", () => {
        isBound = isOffered;
      });
      connection.on("authenticationOk", () => {
        if (!isBound) refuse();
      });
    }
  };
}
