import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

/** What a user of the identity provider is told to be. */
export interface Identity {
  readonly id: string;
  readonly email: string;
  readonly isVerified: boolean;
}

export const client = { clientId: "svc-infra-tests", clientSecret: "a-secret-of-the-client-of-the-tests" };

/** A real OpenID Connect provider on loopback, at which one identity is signed in. */
export class IdentityProvider {
  readonly issuer: string;
  identity: Identity = { id: "nobody", email: "nobody@example.com", isVerified: false };
  /** Requests for tokens that came. */
  exchanges = 0;
  readonly #server: Server;

  private constructor(server: Server, redirectUris: string[]) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const provider = this.#provider(redirectUris);
    const handle = provider.callback();
    server.on("request", async (request, response) => {
      if (request.url?.startsWith("/token")) this.exchanges += 1;
      if (!request.url?.startsWith("/interaction/")) return handle(request, response);
      const login = { accountId: this.identity.id };
      await provider.interactionFinished(request, response, { login, consent: {} });
    });
  }

  /** @param redirectUris - the only addresses that it leads back to. */
  static async start(redirectUris: string[]): Promise<IdentityProvider> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new IdentityProvider(server, redirectUris);
  }

  get discoveryUrl(): string {
    return `${this.issuer}/.well-known/openid-configuration`;
  }

  /** What a browser does that is sent there: it comes back with the address of the callback. */
  async authorize(url: string): Promise<URL> {
    const cookies = new Map<string, string>();
    let next = new URL(url);
    for (let hops = 0; hops < 10 && next.origin === this.issuer; hops++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await fetch(next, { redirect: "manual", headers: { cookie } });
      for (const line of response.headers.getSetCookie()) {
        const [pair = ""] = line.split(";");
        const at = pair.indexOf("=");
        cookies.set(pair.slice(0, at), pair.slice(at + 1));
      }
      const location = response.headers.get("location");
      if (location === null) throw new Error(`${next.pathname}: ${response.status} ${await response.text()}`);
      next = new URL(location, next);
    }
    return next;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #provider(redirectUris: string[]): Provider {
    const provider: Provider = new Provider(this.issuer, {
      clients: [
        { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: redirectUris },
      ],
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
      // As most providers do: the ID token tells the address.
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false } },
      pkce: { required: () => true },
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      findAccount: (_context, id) => ({ accountId: id, claims: () => this.#claims(id) }),
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({
          clientId: oidc.client?.clientId ?? "",
          accountId: oidc.session?.accountId ?? "",
        });
        grant.addOIDCScope("openid email profile");
        await grant.save();
        return grant;
      },
      cookies: { keys: ["cookies of the tests"] },
    });
    return provider;
  }

  #claims(sub: string) {
    const { email, isVerified } = this.identity;
    return { sub, email, email_verified: isVerified, name: email.split("@")[0] ?? "" };
  }
}
