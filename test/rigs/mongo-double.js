// @ts-check
import { once } from "node:events";
import { createServer } from "node:net";
import { Documents, maxDocumentBytes } from "./mongo-double/documents.js";
import { Refusal } from "./mongo-double/refusal.js";
import { ScramConversation } from "./mongo-double/scram.js";
import { answerTo, maxMessageBytes, readRequests } from "./mongo-double/wire.js";
import { stayWhenRunDirectly } from "./stay.js";

/** @typedef {import("./mongo-double/wire.js").Doc} Doc */
/** @typedef {import("node:net").Socket} Socket */
/** @typedef {{ conversation?: ScramConversation, isSignedIn: boolean }} Session */

/** Commands that need no sign-in. */
const openCommands = ["hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue"];

/**
 * Stands in for MongoDB, whose server is not packaged where the tests run: one server that is no replica set, by the
 * documented wire protocol. It knows hello, ping, insert, find with its cursors, endSessions and the sign-in by
 * SCRAM-SHA-256, and refuses everything else with the code of a real server.
 */
export class MongoDouble {
  documents = new Documents();
  /** Names of the commands that came, in their order. @type {string[]} */
  commands = [];
  /** @type {Set<Socket>} */
  #sockets = new Set();
  #server = createServer((socket) => void this.#serve(socket));
  #user;
  /** While it is true, requests are read and get no answer. */
  isSilent = false;

  /** @param {{ user?: import("./mongo-double/scram.js").User }} [options] - without `user` nobody signs in. */
  constructor({ user } = {}) {
    this.#user = user;
  }

  /** @param {number} [port] */
  async listen(port = 0) {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port() {
    return Object(this.#server.address()).port;
  }

  get openConnections() {
    return this.#sockets.size;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** @param {Socket} socket */
  async #serve(socket) {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    /** @type {Session} */
    const session = { isSignedIn: this.#user === undefined };
    try {
      for await (const request of readRequests(socket)) {
        const answer = this.#answer(request.command, session);
        if (!this.isSilent) socket.write(answerTo(request, answer));
      }
    } catch {
      // What is no message ends the connection, as a server does it.
      socket.destroy();
    }
  }

  /**
   * @param {Doc} command
   * @param {Session} session
   * @returns {Doc}
   */
  #answer(command, session) {
    const name = Object.keys(command)[0] ?? "";
    this.commands.push(name);
    try {
      if (!session.isSignedIn && !openCommands.includes(name)) {
        throw new Refusal(13, "Unauthorized", `Command ${name} requires authentication`);
      }
      return this.#run(name, command, session);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /**
   * @param {string} name
   * @param {Doc} command
   * @param {Session} session
   * @returns {Doc}
   */
  #run(name, command, session) {
    switch (name) {
      case "hello":
      case "isMaster":
      case "ismaster":
        return helloAnswer();
      case "ping":
      case "endSessions":
        return { ok: 1 };
      case "saslStart":
      case "saslContinue":
        return this.#signIn(name, command, session);
      case "insert":
        return this.documents.insert(namespaceOf(command.insert, command.$db), command);
      case "find":
        return this.documents.find(namespaceOf(command.find, command.$db), command);
      case "getMore":
        return this.documents.getMore(command);
      case "killCursors":
        return this.documents.killCursors(command);
      default:
        throw new Refusal(59, "CommandNotFound", `no such command: '${name}'`);
    }
  }

  /**
   * @param {string} name
   * @param {Doc} command
   * @param {Session} session
   */
  #signIn(name, command, session) {
    if (this.#user === undefined) throw new Refusal(18, "AuthenticationFailed", "Authentication failed.");
    if (name === "saslStart") {
      session.conversation = new ScramConversation(this.#user);
      return session.conversation.start(command);
    }
    if (session.conversation === undefined)
      throw new Refusal(17, "ProtocolError", "No SASL session state found");
    const answer = session.conversation.finish(command);
    session.isSignedIn = true;
    return answer;
  }
}

function helloAnswer() {
  return {
    ok: 1,
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    maxBsonObjectSize: maxDocumentBytes,
    maxMessageSizeBytes: maxMessageBytes,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    logicalSessionTimeoutMinutes: 30,
    connectionId: 1,
    minWireVersion: 0,
    maxWireVersion: 21,
    readOnly: false,
    saslSupportedMechs: ["SCRAM-SHA-256"],
  };
}

/**
 * @param {unknown} collection
 * @param {unknown} database
 */
function namespaceOf(collection, database) {
  if (typeof collection !== "string" || collection === "" || /[$\0]/.test(collection)) {
    throw new Refusal(73, "InvalidNamespace", `Invalid namespace specified '${database}.${collection}'`);
  }
  return `${database}.${collection}`;
}

await stayWhenRunDirectly(import.meta.url, async () => {
  const double = new MongoDouble();
  await double.listen();
  return { env: { MONGO_URL: `mongodb://127.0.0.1:${double.port}/test` }, stop: () => double.stop() };
});
