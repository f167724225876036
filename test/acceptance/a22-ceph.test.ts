import { runA22 } from "./a22.js";
import { ceph } from "./served-backends.js";

runA22(ceph);
