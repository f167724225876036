import net, { type Socket } from "node:net";

/** Sends requests on one connection, before any answer has come. What comes is left unread. */
export function pipeline(port: number, requests: readonly string[]): Socket {
  const socket = net.connect(port, "127.0.0.1").on("error", () => undefined);
  socket.write(requests.join(""));
  return socket;
}

/** The text of a GET. */
export function getOf(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

/** The text of a POST of JSON. */
export function postOf(path: string, body: object, headers: Readonly<Record<string, string>> = {}): string {
  const json = JSON.stringify(body);
  const fields = { Host: "localhost", "Content-Type": "application/json", ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("")}Content-Length: ${json.length}\r\n\r\n${json}`;
}
