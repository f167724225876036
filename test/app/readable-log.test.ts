import { describe, expect, it } from "vitest";
import { ReadableLog } from "#dist/app/readable-log.js";

function linesOf(...entries: readonly object[]): string[] {
  const lines: string[] = [];
  const log = new ReadableLog((text) => lines.push(text.replace(/^\d\d:\d\d:\d\d /, "")), false);
  for (const entry of entries) log.write(`${JSON.stringify({ level: 30, time: 0, ...entry })}\n`);
  return lines;
}

describe("the log on a terminal", () => {
  it("has the time, the level and the message", () => {
    expect(linesOf({ msg: "ready" }, { level: 40, msg: "careful" }, { level: 60, msg: "over" })).toEqual([
      "info  ready\n",
      "warn  careful\n",
      "error over\n",
    ]);
  });

  it("tells a request when it was answered", () => {
    const req = { method: "GET", url: "/ping" };
    const answered = { reqId: "1", res: { statusCode: 200 }, responseTime: 1.25, msg: "request completed" };
    expect(linesOf({ reqId: "1", req, msg: "incoming request" }, answered)).toEqual([
      "info  GET /ping 200 1.3 ms\n",
    ]);
  });

  it("shows the stack of an error", () => {
    const [line] = linesOf({ level: 50, msg: "no", err: { message: "no", stack: "Error: no\n    at here" } });
    expect(line).toBe("error no\nError: no\n    at here\n");
  });
});
