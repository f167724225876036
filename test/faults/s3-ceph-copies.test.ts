import { startCeph } from "../rigs/ceph.js";
import { racedCopies } from "./s3-raced-copies.js";

racedCopies("Ceph", true, startCeph);
