import { rigRules } from "./s3-rig-rules.js";
import { startSwift } from "./swift.js";

rigRules("swift", startSwift);
