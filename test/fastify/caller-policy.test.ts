import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { call, type Service, startService } from "../acceptance/service.js";

let service: Service;

beforeEach(async () => {
  service = await startService({
    policy: { maxBytes: 100 },
    authorize: ({ headers }) => {
      const tenant = String(headers.authorization).replace("Bearer ", "");
      const maxBytes = tenant === "small" ? 10 : 1000;
      return { tenant, policy: { maxBytes, types: ["text/plain"] } };
    },
  });
});

afterEach(() => service.close());

const boundary = "----form";

/** Each way in, with so many bytes of text. */
const ways = {
  "a raw body": (tenant: string, size: number, type = "text/plain") =>
    call(service.port, {
      method: "PUT",
      path: "/_storage/files/a.txt",
      headers: { authorization: `Bearer ${tenant}`, "content-type": type },
      body: Buffer.alloc(size, "a"),
    }),
  "a form": (tenant: string, size: number, type = "text/plain") =>
    call(service.port, {
      method: "POST",
      path: "/_storage/upload",
      headers: {
        authorization: `Bearer ${tenant}`,
        "content-type": `multipart/form-data; boundary=${boundary}`,
      },
      body: Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n` +
          `content-type: ${type}\r\n\r\n${"a".repeat(size)}\r\n--${boundary}--\r\n`,
      ),
    }),
  "a direct upload": (tenant: string, size: number, type = "text/plain") =>
    call(service.port, {
      method: "POST",
      path: "/_storage/uploads",
      headers: { authorization: `Bearer ${tenant}`, "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ key: "a.txt", size, contentType: type })),
    }),
};

describe.each(Object.entries(ways))("the policy of a caller, by %s", (_name, send) => {
  it("narrows what the storage takes, for this caller alone", async () => {
    expect((await send("small", 10)).status).toBeLessThan(300);
    expect((await send("small", 11)).status).toBe(413);
    expect((await send("large", 11)).status).toBeLessThan(300);
    expect((await send("large", 11, "image/png")).status).toBe(415);
  });

  it("widens nothing", async () => {
    expect((await send("large", 100)).status).toBeLessThan(300);
    expect((await send("large", 101)).status).toBe(413);
  });
});

it("a tenant learns which backend there is, and none of its settings", async () => {
  const answer = await call(service.port, {
    path: "/_storage/backend-info",
    headers: { authorization: "Bearer small" },
  });
  const info = JSON.parse(answer.body.toString());
  expect(Object.keys(info).sort()).toEqual(["backend", "capabilities", "type"]);
});
