import { startSwift } from "../rigs/swift.js";
import { racedCopies } from "./s3-raced-copies.js";

racedCopies("Swift", false, startSwift);
