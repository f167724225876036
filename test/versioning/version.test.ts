import { fastify } from "fastify";
import { easyServiceApp, type ServiceApp } from "svc-infra/app";
import { version } from "svc-infra/versioning";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";

const user = z.object({ id: z.int(), name: z.string() });
const end = "2027-01-31T00:00:00.000Z";
let clock: number;
let app: ServiceApp;

beforeEach(async () => {
  clock = Date.parse("2026-06-01");
  app = await easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent" } });
  await version(
    app,
    "v1",
    (v1) =>
      v1.get("/users/:id", { schema: { response: { 200: user } } }, async () => ({ id: 1, name: "Ann" })),
    { deprecated: "2026-01-01", sunset: end, successor: "/v2", now: () => clock },
  );
  await version(app, "v2", (v2) => {
    const params = z.object({ id: z.coerce.number() });
    v2.get("/people/:id", { schema: { params, response: { 200: user } } }, async ({ params: { id } }) => {
      return { id, name: "Ann" };
    });
  });
  app.get("/unversioned", async () => "ok");
});
afterEach(() => app.close());

describe("a deprecated version", () => {
  it("says so, when it ends, and what to use instead", async () => {
    const { headers, statusCode } = await app.inject("/v1/users/1");
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      deprecation: "@1767225600",
      sunset: "Sun, 31 Jan 2027 00:00:00 GMT",
      link: '</v2>; rel="successor-version"',
    });
  });

  it("is 410 from its sunset on, and not a millisecond before", async () => {
    clock = Date.parse(end) - 1;
    expect((await app.inject("/v1/users/1")).statusCode).toBe(200);
    clock = Date.parse(end);
    const response = await app.inject("/v1/users/1");
    expect([response.statusCode, response.json().code]).toEqual([410, "gone"]);
    expect(response.json().detail).toBe("v1 ended on 2027-01-31; use /v2");
    expect(response.headers.link).toContain("successor-version");
  });

  it("keeps its document, for clients that have to move", async () => {
    clock = Date.parse(end);
    expect((await app.inject("/v1/docs/json")).statusCode).toBe(200);
  });
});

it("the link to the successor stands beside the links of the answer itself", async () => {
  const plain = fastify();
  await version(
    plain,
    "v1",
    (v1) => {
      v1.get("/one", async (_request, reply) =>
        reply.header("link", '</v1/one?page=2>; rel="next"').send("1"),
      );
      v1.get("/two", async (_request, reply) =>
        reply.header("link", ["</a>; rel=a", "</b>; rel=b"]).send("2"),
      );
    },
    { successor: "/v2" },
  );
  const linkOf = async (path: string) => (await plain.inject(path)).headers.link;
  expect(await linkOf("/v1/one")).toBe('</v1/one?page=2>; rel="next", </v2>; rel="successor-version"');
  expect(await linkOf("/v1/two")).toBe('</a>; rel=a, </b>; rel=b, </v2>; rel="successor-version"');
});

describe("a version that lives", () => {
  it("says nothing of an end", async () => {
    const { headers } = await app.inject("/v2/people/7");
    for (const name of ["deprecation", "sunset", "link"]) expect(headers).not.toHaveProperty(name);
  });
});

describe("the documents", () => {
  const pathsOf = async (url: string) => Object.keys((await app.inject(url)).json().paths);

  it("have the routes of their version and of no other", async () => {
    expect(await pathsOf("/v1/docs/json")).toEqual(["/v1/users/{id}"]);
    expect(await pathsOf("/v2/docs/json")).toEqual(["/v2/people/{id}"]);
    expect(await pathsOf("/docs/json")).toEqual(["/ping", "/unversioned"]);
  });

  it("have the named schemas that they refer to, in one another too, and no others", async () => {
    const plain = fastify();
    const owner = z.object({ name: z.string() }).meta({ id: "DocumentedOwner" });
    const pet = z.object({ owner }).meta({ id: "DocumentedPet" });
    z.object({ secret: z.string() }).meta({ id: "UndocumentedSecret" });
    await version(plain, "v1", (v1) => {
      v1.get("/pets", { schema: { response: { 200: z.array(pet) } } }, async () => []);
      v1.post("/owners", { schema: { body: owner } }, async () => "ok");
    });
    const { paths, components } = (await plain.inject("/v1/docs/json")).json();
    expect(Object.keys(components.schemas).sort()).toEqual([
      "DocumentedOwner",
      "DocumentedOwnerInput",
      "DocumentedPet",
    ]);
    const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
    const { schema } = paths["/v1/pets"].get.responses[200].content["application/json"];
    expect(schema.items).toEqual(ref("DocumentedPet"));
    expect(components.schemas.DocumentedPet.properties).toEqual({ owner: ref("DocumentedOwner") });
    expect(components.schemas.DocumentedOwnerInput.properties).toHaveProperty("name");
    await plain.close();
  });

  it("are there without named schemas while two schemas have one id, and the log says so", async () => {
    const lines: string[] = [];
    const plain = fastify({ logger: { level: "warn", stream: { write: (line) => lines.push(line) } } });
    const first = z.object({ name: z.string() }).meta({ id: "TwiceDocumented" });
    const group = z.object({ users: z.array(first) }).meta({ id: "DocumentedGroup" });
    const second = z.object({ names: z.array(z.string()) }).meta({ id: "TwiceDocumented" });
    await version(plain, "v1", (v1) => {
      v1.get("/groups", { schema: { response: { 200: group } } }, async () => ({ users: [] }));
    });
    await version(plain, "v2", (v2) => {
      v2.get("/users", { schema: { response: { 200: second } } }, async () => ({ names: [] }));
    });
    for (const [name, path] of Object.entries({ v1: "/v1/groups", v2: "/v2/users" })) {
      const { statusCode, body } = await plain.inject(`/${name}/docs/json`);
      expect(statusCode, body).toBe(200);
      expect(Object.keys(JSON.parse(body).paths)).toEqual([path]);
    }
    expect(lines.join()).toContain("two schemas may have one id");
    z.globalRegistry.remove(first).remove(second).remove(group);
    await plain.close();
  });

  it("are OpenAPI 3.1", async () => {
    for (const name of ["v1", "v2"]) {
      const { openapi, info } = (await app.inject(`/${name}/docs/json`)).json();
      expect([openapi, info.version]).toEqual(["3.1.0", name]);
    }
  });
});

describe("any Fastify app", () => {
  it("can have versions, and what one adds is not seen by another", async () => {
    const plain = fastify();
    await version(plain, "v1", (v1) =>
      v1.decorate("limit", 1).get("/limit", async () => v1.getDecorator("limit")),
    );
    await version(plain, "v2", (v2) => v2.get("/limit", async () => v2.hasDecorator("limit")));
    expect((await plain.inject("/v1/limit")).json()).toBe(1);
    expect((await plain.inject("/v2/limit")).json()).toBe(false);
  });

  it("can have routes with zod schemas, with JSON Schema, and with both", async () => {
    const plain = fastify();
    const params = z.object({ id: z.coerce.number() });
    const id = { type: "integer" };
    await version(plain, "v1", (v1) => {
      v1.get("/zod/:id", { schema: { params, response: { 200: user } } }, async ({ params: { id } }) => {
        return { id, name: "Ann", secret: "not in the schema" };
      });
      v1.get(
        "/json/:id",
        {
          schema: {
            params: { type: "object", properties: { id } },
            response: { 200: { type: "object", properties: { id } } },
          },
        },
        async ({ params }) => ({ ...Object(params), secret: "not in the schema" }),
      );
      const media = { "application/json": { schema: user }, "text/plain": { schema: { type: "string" } } };
      v1.post(
        "/both",
        { schema: { body: user, response: { 200: { content: media }, 404: { type: "null" } } } },
        async ({ body }) => body,
      );
    });
    expect((await plain.inject("/v1/zod/7")).json()).toEqual({ id: 7, name: "Ann" });
    expect((await plain.inject("/v1/json/7")).json()).toEqual({ id: 7 });
    for (const path of ["/v1/zod/x", "/v1/json/x"]) expect((await plain.inject(path)).statusCode).toBe(400);
    const both = await plain.inject({ method: "POST", url: "/v1/both", payload: { id: 1, name: "Ann" } });
    expect(both.json()).toEqual({ id: 1, name: "Ann" });
    const { paths } = (await plain.inject("/v1/docs/json")).json();
    const schemaOf = (path: string) => paths[path].get.responses[200].content["application/json"].schema;
    expect(schemaOf("/v1/zod/{id}").properties).toHaveProperty("name");
    expect(schemaOf("/v1/json/{id}").properties).toEqual({ id });
    const { requestBody, responses } = paths["/v1/both"].post;
    expect(requestBody.content["application/json"].schema.properties).toHaveProperty("name");
    expect(responses[200].content["application/json"].schema.properties).toHaveProperty("name");
    expect(responses[200].content["text/plain"].schema).toEqual({ type: "string" });
    await plain.close();
  });
});

it("a version keeps the compilers that its app or its own scope was given", async () => {
  const plain = fastify();
  plain.setValidatorCompiler(() => (value) => ({ value: { ...Object(value), by: "app" } }));
  await version(plain, "v1", (v1) => {
    v1.setSerializerCompiler(() => () => '"by the scope"');
    const schema = { querystring: z.object({ a: z.string() }), response: { 200: user } };
    v1.get("/user", { schema }, async ({ query }) => {
      expect(query).toEqual({ by: "app" });
      return { id: 1, name: "Ann" };
    });
  });
  expect((await plain.inject("/v1/user")).body).toBe('"by the scope"');
  await plain.close();
});

describe("what cannot be", () => {
  it.each([
    ["V1/..", {}, "expected a name like v1"],
    ["v3", { sunset: "soon" }, "sunset is no date"],
    ["v3", { sunset: "2026-02-31" }, "sunset is no date"],
    ["v3", { deprecated: "2026-02-31T10:00:00Z" }, "deprecated is no date"],
    ["v3", { sunset: "31 Feb 2026" }, "sunset is no date"],
    ["v3", { successor: "/v2/日" }, "successor is no path or URL"],
    ["v3", { successor: "/v2>; rel=next" }, "successor is no path or URL"],
    ["v3", { successor: "v2" }, "successor is no path or URL"],
    ["v3", { deprecated: "2027-01-02", sunset: "2027-01-01" }, "sunset is before deprecated"],
  ])("is refused: %s %j", async (name, options, message) => {
    await expect(version(app, name, () => undefined, options)).rejects.toThrow(message);
  });
});

it("a version shows its document where the service shows its own, unless it says otherwise", async () => {
  const service = await easyServiceApp({ name: "shop", env: { LOG_LEVEL: "silent", ENABLE_DOCS: "false" } });
  await version(service, "v1", () => undefined);
  await version(service, "v2", () => undefined, { docs: true });
  const paths = ["/docs/json", "/v1/docs/json", "/v2/docs/json"];
  const answers = await Promise.all(paths.map((path) => service.inject(path)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([404, 404, 200]);
  await service.close();
});
