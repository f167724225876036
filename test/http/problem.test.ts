import { problemOf } from "svc-infra/http";
import { BackendUnavailableError, FileNotFoundError } from "svc-infra/storage";
import { describe, expect, it } from "vitest";

describe("problemOf", () => {
  it("tells status, title, code and detail of an error that carries them", () => {
    expect(problemOf(new FileNotFoundError({ message: "there is no 'a'" }), "/files/a")).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "there is no 'a'",
      code: "not_found",
      instance: "/files/a",
    });
  });

  it("keeps the message of a 5xx inside, and tells its code", () => {
    const error = new BackendUnavailableError({ message: "10.0.0.7:9000 refused" });
    expect(problemOf(error)).toEqual({
      type: "about:blank",
      title: "Service Unavailable",
      status: 503,
      code: "unavailable",
    });
  });

  it("obeys `expose` in both directions", () => {
    expect(problemOf({ statusCode: 503, expose: true, message: "closed on Sunday" }).detail).toBe(
      "closed on Sunday",
    );
    expect(problemOf({ statusCode: 400, expose: false, message: "inside" })).not.toHaveProperty("detail");
  });

  it.each([
    Object.assign(new Error("connect ECONNREFUSED /var/run/secret.sock"), { code: "ECONNREFUSED" }),
    "text",
    null,
    undefined,
    { statusCode: 200, message: "inside", code: "inside" },
    { statusCode: "404", message: "inside", code: "inside" },
  ])("tells nothing of an error that it does not know: %s", (error) => {
    expect(problemOf(error)).toEqual({
      type: "about:blank",
      title: "Internal Server Error",
      status: 500,
      code: "internal",
    });
  });

  it("understands the statusCode of Fastify's errors", () => {
    const error = Object.assign(new Error("Body is too large"), {
      statusCode: 413,
      code: "FST_ERR_CTP_BODY_TOO_LARGE",
    });
    expect(problemOf(error)).toMatchObject({
      status: 413,
      code: "too_large",
      title: "Payload Too Large",
      detail: "Body is too large",
    });
  });

  it("has a title for a client that left and for a status without a name", () => {
    expect(problemOf({ statusCode: 499 }).title).toBe("Client Closed Request");
    expect(problemOf({ statusCode: 460 }).title).toBe("Bad Request");
  });
});
