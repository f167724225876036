import { installedPackage, ownPackage } from "../package-facts.js";
import { type Finding, ok, problem } from "./finding.js";

/** Whether the optional packages that are installed have versions that the kit was written for. */
export function checkPackages(folder: string = process.cwd()): readonly Finding[] {
  const { version, peerDependencies } = ownPackage();
  const installed = Object.entries(peerDependencies).flatMap(([name, range]) => {
    const found = installedPackage(name, folder);
    return found === undefined ? [] : [{ name, range, version: found.version }];
  });
  const wrong = installed.filter((each) => !isInRange(each.version, each.range));
  return [
    ok("packages", `svc-infra ${version}, ${installed.length - wrong.length} packages beside it`),
    ...wrong.map((each) =>
      problem(
        "packages",
        `${each.name} is ${each.version}, expected ${each.range}`,
        `npm install '${each.name}@${each.range}'`,
      ),
    ),
  ];
}

/** Whether a version is in a range of carets, like `^5.4.0 || ^6.0.0`. Anything else is not judged. */
export function isInRange(version: string, range: string): boolean {
  return range.split("||").some((part) => {
    const [, least] = /^\s*\^(\d+\.\d+\.\d+)\s*$/.exec(part) ?? [];
    return least === undefined || isCompatible(numbersOf(version), numbersOf(least));
  });
}

type Numbers = readonly [number, number, number];

function numbersOf(version: string): Numbers {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.+-]/).map(Number);
  return [major, minor, patch];
}

/** As `^` means it: the first number that is not 0 is the same, and what follows is not less. */
function isCompatible(version: Numbers, least: Numbers): boolean {
  const fixed = least.findIndex((part) => part > 0) + 1;
  if (version.slice(0, fixed).join() !== least.slice(0, fixed).join()) return false;
  const [, minor, patch] = version;
  return minor > least[1] || (minor === least[1] && patch >= least[2]);
}
