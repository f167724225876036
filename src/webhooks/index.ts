export { MemoryReceivedIds, type ReceivedIds } from "./received-ids.js";
export { type RequireSignatureOptions, requireSignature } from "./routes/require-signature.js";
export {
  githubSignature,
  plainSignature,
  slackSignature,
  stripeSignature,
} from "./signature/providers.js";
export {
  type SecretSource,
  SignatureError,
  type SignatureScheme,
  type SignedRequest,
  type SigningSecrets,
  type VerifiedWebhook,
} from "./signature/scheme.js";
export {
  type SignableMessage,
  signStandard,
  standardWebhooks,
  type ToleranceOptions,
} from "./signature/standard.js";
