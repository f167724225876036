import { type Finding, ok, problem, warning } from "./finding.js";

/** The oldest Node that the package runs on, and the oldest that still gets fixes. */
const least = [20, 19] as const;
const leastMaintained = 22;

/** Whether this Node can run the service. */
export function checkRuntime(version: string = process.versions.node): readonly Finding[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < least[0] || (major === least[0] && minor < least[1])) {
    return [problem("runtime", `Node ${version} is too old`, `install Node ${leastMaintained} or later`)];
  }
  if (major < leastMaintained) {
    return [
      warning("runtime", `Node ${version} gets no more fixes`, `install Node ${leastMaintained} or later`),
    ];
  }
  return [ok("runtime", `Node ${version}`)];
}
