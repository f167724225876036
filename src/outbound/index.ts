export type { Resolve } from "./checked-lookup.js";
export {
  ForeignClient,
  type ForeignClientOptions,
  type ForeignRequest,
  type ForeignResponse,
} from "./foreign-client.js";
export { ForeignError, type ForeignErrorCode } from "./foreign-error.js";
export { isPublicAddress } from "./public-address.js";
