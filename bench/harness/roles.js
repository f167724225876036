/**
 * Whether an adapter is a limit: it does the least that the work takes, and offers no library or service.
 *
 * @param {string} name
 */
export function isLimit(name) {
  return /^(?:raw-.*|nginx|bare-fastify)$/.test(name);
}

/**
 * Whether an adapter is somebody else's library or server.
 *
 * @param {string} name
 */
export function isPeer(name) {
  return !isLimit(name) && !/^(?:svc-infra|before)-/.test(name);
}
