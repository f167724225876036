import { runLargeFile } from "./large-file.js";
import { ceph } from "./served-backends.js";

runLargeFile(ceph);
