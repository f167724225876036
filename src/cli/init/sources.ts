import { has, type Project, type ProjectFiles, type ProjectHelper } from "./project.js";

/** The sources of a new project: an app, what starts it, and a test. */
export function sources(project: Project): ProjectFiles {
  return {
    "src/app.ts": appSource(project),
    "src/main.ts": mainSource,
    "test/app.test.ts": testSource(project),
  };
}

const mainSource = `import { startService } from "svc-infra";
import { createApp } from "./app.js";

const app = await createApp();
const url = await startService(app);
app.log.info(\`\${url}/docs shows the API\`);
`;

function appSource(project: Project): string {
  const on = project.helpers.map((helper) => `, ${helper}: ${optionOf(helper)}`).join("");
  const names = [...(has(project, "jobs") ? ["defineJob"] : []), "easyServiceApp"];
  return `import { ${names.join(", ")}, type ServiceApp, type ServiceAppOptions } from "svc-infra";
import { z } from "zod";
${has(project, "jobs") ? jobSource : ""}
/** The service with its routes; it does not listen yet. */
export async function createApp(options: Partial<ServiceAppOptions> = {}): Promise<ServiceApp> {
  const app = await easyServiceApp({ name: "${project.name}"${on}, ...options });
  const greeting = z.object({ greeting: z.string() });
  const params = z.object({ name: z.string().min(1).max(100) });

  app.get("/hello/:name", { schema: { summary: "Greets somebody", params, response: { 200: greeting } } }, async (request) => {
    return { greeting: \`Hello \${request.params.name}\` };
  });
${routesOf(project)}
  return app;
}
`;
}

function optionOf(helper: ProjectHelper): string {
  return helper === "jobs" ? "{ jobs: [greetLater] }" : "true";
}

function routesOf(project: Project): string {
  return [
    has(project, "storage") ? storageRoutes : "",
    has(project, "sql") ? sqlRoutes : "",
    has(project, "cache") ? cacheRoutes : "",
    has(project, "jobs") ? jobRoutes : "",
    has(project, "mail") ? mailRoutes : "",
  ].join("");
}

const storageRoutes = `
  const note = z.object({ text: z.string().max(10_000) });
  const noteKey = z.object({ id: z.string().regex(/^[a-z0-9-]{1,64}$/) });

  app.put("/notes/:id", { schema: { summary: "Keeps a note as a file", params: noteKey, body: note } }, async (request) => {
    const { url } = await app.storage.put(\`notes/\${request.params.id}.txt\`, request.body.text);
    return { url };
  });
  app.get("/notes/:id", { schema: { summary: "Reads a note", params: noteKey, response: { 200: note } } }, async (request) => {
    const bytes = await app.storage.get(\`notes/\${request.params.id}.txt\`);
    return { text: new TextDecoder().decode(bytes) };
  });
`;

const sqlRoutes = `
  app.get("/database", { schema: { summary: "Which database it is" } }, async () => {
    await app.sql.ping();
    return { kind: app.sql.kind };
  });
`;

const cacheRoutes = `
  app.get("/time", { schema: { summary: "The time, at most ten seconds old" } }, async () => {
    return app.cache.getOrSet("time", { ttlSeconds: 10 }, async () => ({ time: new Date().toISOString() }));
  });
`;

const jobSource = `
/** Work that is done after the answer, at least once. */
const greetLater = defineJob("greet", z.object({ name: z.string() }), ({ name }, { log }) => {
  log.info({ name }, "somebody is greeted");
});
`;

const jobRoutes = `
  app.post("/greetings/:name", { schema: { summary: "Greets somebody later", params } }, async (request, reply) => {
    await app.jobs.queue.enqueue(greetLater, { name: request.params.name });
    return reply.code(202).send({ status: "queued" });
  });
`;

const mailRoutes = `
  const recipient = z.object({ to: z.email() });

  app.post("/welcome", { schema: { summary: "Sends a mail", body: recipient } }, async (request, reply) => {
    await app.mail.send({ to: request.body.to, subject: "Welcome", text: "Hello, and welcome." });
    return reply.code(202).send({ status: "sent" });
  });
`;

function testSource(project: Project): string {
  return `import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ServiceApp } from "svc-infra";
import { createApp } from "../src/app.js";

let app: ServiceApp;
before(async () => {
  app = await createApp({ logLevel: "warn" });
});
after(() => app.close());

test("it greets", async () => {
  const response = await app.inject("/hello/Ann");
  assert.equal(response.statusCode, 200);
  assert.deepEqual(response.json(), { greeting: "Hello Ann" });
});

test("it is ready", async () => {
  assert.equal((await app.inject("/readyz")).statusCode, 200);
});
${has(project, "storage") ? storageTest : ""}${has(project, "sql") ? sqlTest : ""}${has(project, "cache") ? cacheTest : ""}${has(project, "jobs") ? jobTest : ""}`;
}

const storageTest = `
test("it keeps notes", async () => {
  const url = "/notes/first";
  assert.equal((await app.inject({ method: "PUT", url, payload: { text: "buy milk" } })).statusCode, 200);
  assert.deepEqual((await app.inject(url)).json(), { text: "buy milk" });
});
`;

const sqlTest = `
test("it has a database", async () => {
  const response = await app.inject("/database");
  assert.equal(response.statusCode, 200);
  assert.ok(["embedded", "postgres"].includes(response.json().kind));
});
`;

const cacheTest = `
test("it keeps the time for a while", async () => {
  const first = (await app.inject("/time")).json();
  assert.deepEqual((await app.inject("/time")).json(), first);
});
`;

const jobTest = `
test("it takes work for later", async () => {
  assert.equal((await app.inject({ method: "POST", url: "/greetings/Ann" })).statusCode, 202);
});
`;
