import { arch, cpus, loadavg, platform, totalmem } from "node:os";

/** Where the figures come from; without that they mean nothing. */
export function machine() {
  return {
    node: process.version,
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: loadavg().map((load) => Number(load.toFixed(2))),
  };
}
