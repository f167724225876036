import { ceph } from "../acceptance/served-backends.js";
import { describeStorageFiles } from "./storage-files.js";

describeStorageFiles(ceph);
