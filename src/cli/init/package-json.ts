import type { Project, ProjectHelper } from "./project.js";

/** Packages that each helper needs beside the kit. */
const packagesOf: Readonly<Record<ProjectHelper, readonly string[]>> = {
  storage: [],
  sql: ["drizzle-orm", "pg", "@electric-sql/pglite"],
  cache: ["ioredis"],
  jobs: ["bullmq", "ioredis"],
  mail: ["nodemailer"],
};

/** The `package.json` of a new project. */
export function packageJson({ name, helpers, kit, ranges }: Project): string {
  const peers = ["fastify", "prom-client", ...helpers.flatMap((helper) => packagesOf[helper])];
  const dependencies = {
    ...Object.fromEntries(peers.map((peer) => [peer, ranges[peer] ?? "*"])),
    "svc-infra": kit,
    zod: ranges.zod ?? "^4.0.0",
  };
  const facts = {
    name,
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
      Object.entries(dependencies).sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
    devDependencies: { "@types/node": "^20.19.0", typescript: "~6.0.3" },
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}
