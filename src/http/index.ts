export { type AnyApp, type AnyRequest, appOf, fastifyOf, requestOf } from "./any-app.js";
export { bearerCheck } from "./bearer-token.js";
export { type ByteRange, contentRange, parseRange } from "./byte-range.js";
export { answerClientError } from "./client-error.js";
export { clientSignal, whenClosed } from "./client-signal.js";
export { Closing } from "./closing.js";
export * from "./conditions.js";
export { allowOrigins } from "./cross-origin.js";
export * from "./digest-fields.js";
export { drainAfterError } from "./drain-after-error.js";
export * from "./entity-tag.js";
export { deferContinue } from "./expect-continue.js";
export * from "./http-date.js";
export * from "./http-error.js";
export { readJson } from "./json-body.js";
export { keepNoAnswers } from "./keep-no-answers.js";
export { leastRate, type Rate } from "./least-rate.js";
export {
  type LoggedError,
  type LoggedRequest,
  loggedError,
  loggedRequest,
  withoutSecrets,
  withoutSignature,
} from "./log-redaction.js";
export { mountRoutes, type RoutesOptions } from "./mount-routes.js";
export { hostBoundary, type PageBoundaryOptions, pageBoundary } from "./page-boundary.js";
export { type Problem, problemContentType, problemOf } from "./problem.js";
export { type ErrorHandler, problemHandler } from "./problem-handler.js";
export { readParameters } from "./query-parameters.js";
export { openRateLimitRedis } from "./rate-limit-redis.js";
export { withoutRegisterOptions } from "./register-options.js";
export { checkBody, declaredLength, hasBody, RequestBody } from "./request-body.js";
export { pathOf, queryOf } from "./request-target.js";
export { type MediaContent, type Route, type RouteCall, type RouteSpec, route } from "./route.js";
export { httpVariables } from "./settings.js";
export { whenDecorated } from "./when-decorated.js";
export { readWhole } from "./whole-body.js";
