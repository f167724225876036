import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { installLocked, isLockedInstalled } from "../test/rigs/locked-packages.js";
import { say } from "./prepare.js";

const servicePolicy = "/usr/sbin/policy-rc.d";

/**
 * Programs of Debian that tests run for real: the packages, their commands, the suites that need them, and whether these run
 * on the other versions of Node, too.
 */
export const rigs = [
  { packages: ["strace"], commands: ["strace"], suites: ["test/faults/local-sync-order.test.ts"] },
  { packages: ["e2fsprogs"], commands: ["mkfs.ext4"], suites: ["test/faults/local-power-cut.test.ts"] },
  {
    packages: ["clamav-daemon"],
    commands: ["clamd"],
    suites: [
      "test/**/*clam*.test.ts",
      "test/acceptance/scanned-ways*.test.ts",
      "test/storage/policy/{scanned,ways-in,ways-in-parts-azure,ways-in-parts-ceph}.test.ts",
    ],
  },
  { packages: ["haproxy"], commands: ["haproxy"], suites: ["test/faults/rolling.test.ts"] },
  {
    packages: ["exfatprogs", "exfat-fuse"],
    commands: ["mkfs.exfat", "mount.exfat-fuse"],
    suites: ["test/**/*exfat*.test.ts"],
  },
  { packages: ["chromium"], commands: ["chromium"], suites: ["test/**/*chromium*.test.ts"] },
  { packages: ["openssl"], commands: ["openssl"], suites: ["test/storage/azure/tokens.test.ts"] },
  {
    packages: ["prometheus"],
    commands: ["promtool", "prometheus"],
    suites: ["test/observability/metrics.test.ts", "test/observability/dashboard.test.ts"],
  },
  {
    packages: ["radosgw", "ceph-mon", "ceph-osd", "ceph-common"],
    commands: ["radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "monmaptool"],
    suites: ["test/**/*ceph*.test.ts", "test/cli/init.test.ts"],
  },
  {
    packages: ["swift-proxy", "swift-account", "swift-container", "swift-object", "memcached"],
    commands: ["swift-proxy-server", "swift-object-server", "swift-ring-builder", "memcached"],
    suites: ["test/**/*swift*.test.ts"],
  },
  {
    packages: ["postgresql-15"],
    commands: ["/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/15/bin/initdb"],
    suites: [
      "test/**/*postgres*.test.ts",
      "test/acceptance/a10-0{1,2}.test.ts",
      "test/auth/{attacks,flows}-in-production.test.ts",
      "test/cli/init.test.ts",
      "test/auth/{flows,providers,providers-in-production}.test.ts",
      "test/faults/auth-mail-killed.test.ts",
      "test/sql/{add-sql-db,crud,crud-attacks,crud-columns,interrupted-migrations,schema-changes}.test.ts",
    ],
    isForEveryNode: true,
  },
  {
    packages: ["redis-server"],
    commands: ["redis-server"],
    suites: [
      "test/**/*redis*.test.ts",
      "test/acceptance/a10-02.test.ts",
      "test/cache/cache.test.ts",
      "test/cli/{doctor,init}.test.ts",
      "test/fastify/storage-*rate*.test.ts",
      "test/idempotency/idempotency.test.ts",
      "test/jobs/schedules.test.ts",
      "test/observability/tracing.test.ts",
    ],
    isForEveryNode: true,
  },
];

/** Suites that run on one version of Node: their servers start slowly and are the same for every client. */
export const oneNodeSuites = rigs
  .filter(({ isForEveryNode }) => isForEveryNode !== true)
  .flatMap(({ suites }) => suites);

/** Suites that always run on every version of Node: those that need no rig and take seconds. The others would take half an hour. */
export const everyNodeSuites = [
  ...["cloudinary", "gcs", "local", "memory"].map((name) => `test/conformance/${name}.test.ts`),
  ...["cache", "events", "fastify", "health", "http", "idempotency", "kernel", "layers", "mail"],
  ...["observability", "outbound", "properties", "storage", "tenancy", "versioning"],
].map((name) => (name.endsWith(".ts") ? name : `test/${name}/`));

/** Of those, the suites that stay on one version unless all are asked for: they wait for Azurite. */
export const slowOnEveryNode = ["test/**/*azure*.test.ts", "test/storage/azure/**"];

/**
 * Makes the programs available that tests need: installs them when it may, else says what to install.
 *
 * @returns `leftOut`: suites that cannot run here; `failed`: packages that should be there and are not.
 */
export function prepareRigs() {
  const leftOut = [];
  const failed = [];
  preparePackages("azurite");
  preparePackages("runtimes");
  for (const rig of rigs.filter(({ commands }) => !commands.every(isOnPath))) {
    if (!isRoot()) {
      say(`Not installed: ${rig.packages.join(", ")}. Left out: ${rig.suites.join(", ")}.`);
      say(`  To run them: sudo apt-get install --no-install-recommends ${rig.packages.join(" ")}`);
      leftOut.push(...rig.suites);
    } else if (!withoutServices(() => install(rig))) failed.push(...rig.packages);
  }
  return { leftOut, failed };
}

/** Here, so that suites that run side by side do not each install it. When it fails, the suites that need it do, too. */
function preparePackages(name) {
  try {
    if (isLockedInstalled(name)) return;
    say(`Installing test/rigs/${name} from its package-lock.json ...`);
    installLocked(name);
  } catch (error) {
    say(String(error));
  }
}

function install({ packages, commands }) {
  say(
    `Installing ${packages.length > 1 ? "the Debian packages" : "the Debian package"} ${packages.join(", ")} ...`,
  );
  const arguments_ = [
    "install",
    "-y",
    "-q",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=300",
    ...packages,
  ];
  if (!aptGet(arguments_)) {
    aptGet(["update", "-q"]);
    aptGet(arguments_);
  }
  return commands.every(isOnPath);
}

/** Tests start the servers that they need; a package is to start none (deb-systemd-invoke(1p), invoke-rc.d(8)). */
function withoutServices(installing) {
  if (existsSync(servicePolicy)) return installing();
  // Should this process be killed, the file that is left says no to nobody.
  const onlyNow = `#!/bin/sh\n[ -d /proc/${process.pid} ] && exit 101\nexit 0\n`;
  writeFileSync(servicePolicy, onlyNow, { mode: 0o755 });
  try {
    return installing();
  } finally {
    rmSync(servicePolicy);
  }
}

function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  return spawnSync("apt-get", args, { env, stdio: "ignore" }).status === 0;
}

function isRoot() {
  return process.getuid?.() === 0;
}

function isOnPath(command) {
  if (isAbsolute(command)) return isExecutable(command);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, command)));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
