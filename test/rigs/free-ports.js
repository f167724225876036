// @ts-check
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the range from which the kernel takes ports for connections (ip_local_port_range), which could be gone a moment later. */
const first = 20_000;
const count = 12_000;
/** Processes begin at different places, so that two that look at the same instant find different ports. */
let next = (process.pid * 16) % count;

/**
 * Ports of the loopback interface on which nothing listens.
 *
 * @param {number} howMany
 * @returns {Promise<number[]>}
 */
export async function freePorts(howMany) {
  const found = [];
  for (let tries = 0; found.length < howMany; tries++) {
    if (tries === count) throw new Error("no free port");
    const port = first + (next++ % count);
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** @param {number} port */
async function isFree(port) {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
    return true;
  } catch {
    return false;
  } finally {
    if (server.listening) await once(server.close(), "close");
  }
}
