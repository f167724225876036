const thisMachine = /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a bearer secret may be sent there: over TLS, or to this machine, where the network cannot be listened to. */
export function isProtected({ protocol, hostname }: Pick<URL, "protocol" | "hostname">): boolean {
  return protocol === "https:" || thisMachine.test(hostname);
}
