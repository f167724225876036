import { has, type Project, type ProjectHelper } from "./project.js";

/** Packages that each helper needs beside the kit. */
const packagesOf: Readonly<Record<ProjectHelper, readonly string[]>> = {
  storage: [],
  sql: ["drizzle-orm", "pg", "@electric-sql/pglite"],
  cache: ["ioredis"],
  jobs: ["bullmq", "ioredis"],
  mail: ["nodemailer"],
};

/** Names of the packages that a new project needs. */
export function packagesOfProject(project: Project): readonly string[] {
  return Object.keys({ ...dependenciesOf(project), ...devDependenciesOf(project) });
}

/** The `package.json` of a new project. */
export function packageJson(project: Project): string {
  const facts = {
    name: project.name,
    version: "0.1.0",
    private: true,
    type: "module",
    engines: { node: ">=20.19" },
    scripts: {
      build: "tsc",
      prestart: "npm run --silent build",
      start: "node dist/src/main.js",
      pretest: "npm run --silent build",
      test: "node --test dist/test/*.test.js",
    },
    dependencies: Object.fromEntries(
      Object.entries(dependenciesOf(project)).sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
    devDependencies: devDependenciesOf(project),
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}

function devDependenciesOf(project: Project): Readonly<Record<string, string>> {
  return {
    "@types/node": "^20.19.0",
    ...(has(project, "sql") ? { "drizzle-kit": project.ranges["drizzle-kit"] ?? "*" } : {}),
    typescript: "~6.0.3",
  };
}

function dependenciesOf({ helpers, kit, ranges }: Project): Readonly<Record<string, string>> {
  const peers = ["fastify", "prom-client", ...helpers.flatMap((helper) => packagesOf[helper])];
  return {
    ...Object.fromEntries(peers.map((peer) => [peer, ranges[peer] ?? "*"])),
    "svc-infra": kit,
    zod: ranges.zod ?? "^4.0.0",
  };
}
