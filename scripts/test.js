import { ensureBuilt, ensureInstalled, say } from "./prepare.js";

const args = process.argv.slice(2);
const totals = { passed: 0, failed: 0, skipped: 0 };

if (ensureInstalled()) await runEverything();
else totals.failed += 1;

say(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ""}`,
);
process.exitCode = totals.failed > 0 ? 1 : 0;

/**
 * `--checks-only` leaves the suites out; any other argument selects suites and leaves the checks out. A few suites run on the
 * other versions of Node as well; with `ALL_RUNTIMES=1` all do that need no rig but PostgreSQL or Redis. With `ALL_PEERS=1`
 * those of the optional peers run beside the oldest and the newest version of each.
 */
async function runEverything() {
  const filters = args.filter((each) => each !== "--checks-only");
  add({ failed: ensureBuilt() ? 0 : 1 });
  if (filters.length === 0) add((await import("./checks.js")).runChecks());
  if (!args.includes("--checks-only")) await runTests(filters);
}

async function runTests(filters) {
  const { prepareRigs, oneNodeSuites, everyNodeSuites, slowOnEveryNode } = await import("./rigs.js");
  const { runSuites } = await import("./suites.js");
  const { leftOut, failed } = prepareRigs();
  for (const name of failed) say(`FAIL the Debian package ${name} could not be installed`);
  add({ failed: failed.length });
  add(runSuites(filters, leftOut));
  if (process.env.ALL_PEERS === "1") {
    const { runBesidePeers } = await import("./peers.js");
    for (const age of ["oldest", "newest"]) {
      say(`The suites of the peers, beside the ${age} version of each:`);
      add(runBesidePeers(age));
    }
  }
  const areAll = process.env.ALL_RUNTIMES === "1";
  if (!areAll && filters.length > 0) return;
  const suites = areAll ? filters : everyNodeSuites;
  const notThere = [...leftOut, ...oneNodeSuites, ...(areAll ? [] : slowOnEveryNode)];
  const { runtimes } = await import("../test/rigs/runtimes.js");
  for (const [name, program] of Object.entries(runtimes).filter(([name]) => name.startsWith("Node"))) {
    say(`The suites of every version of Node, on ${name}:`);
    add(runSuites(suites, notThere, program));
  }
}

function add({ passed = 0, failed = 0, skipped = 0 }) {
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
}
