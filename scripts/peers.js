import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, say } from "./prepare.js";
import { runSuites } from "./suites.js";

/** Suites that use each peer for real, on its own server or on a double of it. */
const suites = [
  "test/auth/auth-users.test.ts",
  "test/auth/organizations.test.ts",
  "test/cache/cache.test.ts",
  "test/conformance/azure.test.ts",
  "test/conformance/cloudinary.test.ts",
  "test/conformance/gcs.test.ts",
  "test/jobs/postgres.test.ts",
  "test/jobs/redis.test.ts",
  "test/mail/mail.test.ts",
  "test/mongo/mongo.test.ts",
  "test/observability/metrics.test.ts",
  "test/observability/tracing.test.ts",
  "test/payments/payments.test.ts",
  "test/sql/add-sql-db.test.ts",
  "test/sql/crud.test.ts",
  "test/sql/schema-changes.test.ts",
  "test/storage/azure/signing.test.ts",
  "test/storage/azure/tokens.test.ts",
  "test/storage/gcs/signing.test.ts",
  "test/storage/s3/credentials.test.ts",
];

/** How the version of a peer is asked for: npm takes the newest of a range. */
const spelling = {
  oldest: (range) => /\d+\.\d+\.\d+/.exec(range)?.[0] ?? range,
  newest: (range) => range.split("||").at(-1).trim(),
};

/**
 * Runs the suites of the peers against the packed package, beside the oldest or the newest version of every peer that
 * `package.json` allows.
 *
 * @param {"oldest" | "newest"} age
 * @param {readonly string[]} filters - of the suites; all when there is none.
 * @returns how many tests passed, failed and were skipped.
 */
export function runBesidePeers(age, filters = []) {
  const folder = mkdtempSync(join(tmpdir(), `svc-infra-${age}-`));
  try {
    unpack(folder);
    linkPackages(folder, installPeers(join(folder, "peers"), age));
    return runSuites(filters.length > 0 ? filters : suites, [], process.execPath, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The package as it is published is the project, with the tests beside it. */
function unpack(folder) {
  run("npm", ["pack", "--silent", "--pack-destination", folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  run("tar", ["-xzf", tarball, "--strip-components=1"], folder);
  for (const name of ["vitest.config.ts", "tsconfig.json", "test"]) {
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (source) => !source.endsWith("/node_modules"),
    });
  }
  for (const name of ["azurite", "runtimes"]) {
    const packages = join(root, "test/rigs", name, "node_modules");
    if (existsSync(packages)) symlinkSync(packages, join(folder, "test/rigs", name, "node_modules"));
  }
}

/** Installs every peer and says which versions they are; returns where. */
function installPeers(folder, age) {
  const { peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const wanted = Object.entries(peerDependencies).map(([name, range]) => `${name}@${spelling[age](range)}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  // What the peers want of each other is theirs: an old one may ask for a newer other one.
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", "--legacy-peer-deps"];
  run("npm", ["install", ...quiet, ...wanted], folder);
  const packages = join(folder, "node_modules");
  for (const name of Object.keys(peerDependencies)) {
    say(`  ${name} ${JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")).version}`);
  }
  return packages;
}

/** Peers come from where they were installed, all else from this project. */
function linkPackages(folder, peers) {
  const { peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const installed = join(root, "node_modules");
  for (const name of readdirSync(installed).flatMap((each) => packagesIn(installed, each))) {
    const place = join(folder, "node_modules", name);
    mkdirSync(join(place, ".."), { recursive: true });
    symlinkSync(join(Object.hasOwn(peerDependencies, name) ? peers : installed, name), place);
  }
}

function packagesIn(folder, name) {
  return name.startsWith("@") ? readdirSync(join(folder, name)).map((each) => `${name}/${each}`) : [name];
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed${error === undefined ? "" : `: ${error}`}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [age, ...filters] = process.argv.slice(2);
  const { passed, failed, skipped } = runBesidePeers(age, filters);
  say(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}
