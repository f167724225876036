/** True for an address or a host name. */
export function isHost(host: string): boolean {
  return URL.canParse(urlOf({ host, port: 1 }));
}

const localNames = new Set(["127.0.0.1", "0.0.0.0", "::"]);

/** Where the service is reached from this machine. */
export function urlOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = localNames.has(host) ? "localhost" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}
