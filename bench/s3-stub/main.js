import { createServer } from "node:net";
import { Connection } from "./connection.js";
import { Objects } from "./objects.js";
import { ListPages } from "./pages.js";

/**
 * The stub as a process of its own, so that none of its work counts as a client's. Says its port over IPC, and ends
 * with whoever started it.
 */
const { pages } = JSON.parse(process.argv[2] ?? "{}");
const objects = new Objects(new ListPages(pages));
const server = createServer({ noDelay: true }, (socket) => new Connection(socket, objects));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.({ port: typeof address === "object" ? address?.port : undefined });
});
process.on("disconnect", () => process.exit());
