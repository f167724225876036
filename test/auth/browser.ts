import type { FastifyInstance, LightMyRequestResponse } from "fastify";

/** A client that keeps cookies, sends its origin, and has an address of its own. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #app: FastifyInstance;
  readonly #origin: string;
  readonly #address: string;

  constructor(app: FastifyInstance, origin: string, address: string) {
    this.#app = app;
    this.#origin = origin;
    this.#address = address;
  }

  get(url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return this.request("GET", url, undefined, headers);
  }

  post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return this.request("POST", url, body, { origin: this.#origin, ...headers });
  }

  delete(url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return this.request("DELETE", url, undefined, { origin: this.#origin, ...headers });
  }

  async request(
    method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE",
    url: string,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<LightMyRequestResponse> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await this.#app.inject({
      method,
      url,
      remoteAddress: this.#address,
      headers: { ...(cookie === "" ? {} : { cookie }), ...headers },
      ...(body === undefined
        ? {}
        : {
            payload: typeof body === "string" ? body : JSON.stringify(body),
            headers: { ...(cookie === "" ? {} : { cookie }), "content-type": "application/json", ...headers },
          }),
    });
    for (const line of [response.headers["set-cookie"] ?? []].flat()) this.#keep(line);
    return response;
  }

  #keep(line: string): void {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    const isGone = /max-age=0(?:;|$)/i.test(line);
    if (isGone) this.cookies.delete(pair.slice(0, at));
    else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
  }
}
