import { startSwift } from "../rigs/swift.js";
import { racedCopies } from "./s3-raced-copies.js";

/** Of an object that is just being replaced Swift may say NoSuchBucket, though the bucket is there. */
const refused =
  /^(?:precondition_failed|unavailable|not_found) |^configuration .*S3 answered 404 NoSuchBucket/;

racedCopies("Swift", false, startSwift, refused);
