import { startCeph } from "../rigs/ceph.js";
import { startFaultProxy } from "../rigs/fault-proxy.js";
import { runLargeFile } from "./large-file.js";
import { ceph, type RunningBackend } from "./served-backends.js";

const slowBytesPerSecond = 20 * 1024 * 1024;

/** A wire that takes less than the client gives, so that what is not held back piles up in memory. */
async function startSlow(): Promise<RunningBackend> {
  const rig = await startCeph();
  const proxy = await startFaultProxy(rig.endpoint);
  proxy.plan.mix(1, () => ({ kind: "throttle", bytesPerSecond: slowBytesPerSecond }));
  const stop = async () => {
    await proxy.stop();
    await rig.stop();
  };
  return { env: { ...rig.env, STORAGE_S3_ENDPOINT: proxy.endpoint }, stop };
}

runLargeFile(ceph);
runLargeFile({ ...ceph, start: startSlow }, "s3 over a slow wire", 160);
