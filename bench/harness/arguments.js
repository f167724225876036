import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { cases } from "../cases/index.js";
import { withBefore } from "./build.js";

export const help = `npm run bench -- [cases...] [options]

Measures svc-infra against the raw machine and its peers, and says which goals are reached.
Each sample is a process of its own, adapters take turns within a round, and a ratio is taken inside
its round; what is shown is the median over rounds. Missing a goal fails nothing.

Cases (all when none is named)
${cases.map(({ id, title }) => `  ${id.padEnd(4)} ${title}`).join("\n")}

Options
  --rounds 5          rounds; at least 5 for figures that are quoted
  --scale 1           part of the work, 0.05 for a quick look (figures then mean little)
  --adapters a,b      only these, and the limit of each case
  --before ../old     also measure the build of another checkout, in turns, as before-local, before-memory, before-s3
  --dir /dev/shm      where data is kept, best a memory file system
  --disk bench/.data  where the durable case writes, on a real disk; never deleted by a run, because
                      ext4 is 5 to 10 times slower for minutes after many files were deleted
  --json out.json     every sample and every median
  --profile folder    leave CPU profiles of svc-infra's samples there (for Chrome's DevTools)
  --clean             delete what the durable case left, and do nothing else
  --help

Examples
  npm run bench -- L1 L6
  npm run bench -- L1 --adapters svc-infra-local --rounds 1 --profile profiles
  npm run bench -- L1 L2 --before ../svc-infra-of-last-week
`;

/**
 * @typedef {object} Arguments
 * @property {readonly import("./contracts.js").Case[]} cases
 * @property {readonly string[] | undefined} adapters
 * @property {number} rounds
 * @property {number} scale
 * @property {string} dir
 * @property {string} disk
 * @property {string | undefined} before Where the other build is, as a URL that ends with a slash.
 * @property {string | undefined} json
 * @property {string | undefined} profile
 * @property {boolean} isCleaning
 * @property {boolean} wantsHelp
 */

/**
 * @param {readonly string[]} argv
 * @param {string} defaultDisk
 * @returns {Arguments}
 */
export function parseArguments(argv, defaultDisk) {
  const text = /** @type {const} */ ({ type: "string" });
  const flag = /** @type {const} */ ({ type: "boolean", default: false });
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { ...text, default: "5" },
      scale: { ...text, default: "1" },
      dir: { ...text, default: "/dev/shm" },
      disk: { ...text, default: defaultDisk },
      adapters: text,
      before: text,
      json: text,
      profile: text,
      clean: flag,
      help: flag,
    },
  });
  const found = chosen(positionals);
  return {
    cases: values.before ? found.map((each) => ({ ...each, adapters: withBefore(each.adapters) })) : found,
    before: values.before && buildIn(values.before),
    adapters: values.adapters?.split(","),
    rounds: positive("--rounds", values.rounds),
    scale: positive("--scale", values.scale),
    dir: values.dir,
    disk: values.disk,
    json: values.json,
    profile: values.profile,
    isCleaning: values.clean,
    wantsHelp: values.help,
  };
}

/** @param {string} checkout */
function buildIn(checkout) {
  const dist = resolve(checkout, "dist");
  if (!existsSync(dist)) throw new Error(`--before needs a checkout that is built: there is no ${dist}`);
  return `${pathToFileURL(dist).href}/`;
}

/** @param {readonly string[]} names */
function chosen(names) {
  const known = new Set(cases.flatMap(({ id }) => [id, shortId(id)]));
  for (const name of names) {
    if (!known.has(name.toUpperCase()))
      throw new Error(`there is no case '${name}'; there are ${[...known].join(" ")}`);
  }
  const wanted = new Set(names.map((name) => name.toUpperCase()));
  return cases.filter(({ id }) => wanted.size === 0 || wanted.has(id) || wanted.has(shortId(id)));
}

/**
 * `L5` means both of its listings.
 *
 * @param {string} id
 */
function shortId(id) {
  return id.startsWith("L5") ? "L5" : id;
}

/**
 * @param {string} name
 * @param {string} raw
 */
function positive(name, raw) {
  const value = Number(raw);
  if (!(value > 0)) throw new Error(`${name} must be a number above zero, not '${raw}'`);
  return value;
}
