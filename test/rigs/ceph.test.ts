import { startCeph } from "./ceph.js";
import { rigRules } from "./s3-rig-rules.js";

rigRules("ceph", startCeph);
