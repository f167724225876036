import { z } from "zod";
import { httpUrl, secretText, text, variable } from "../../kernel/index.js";

/** Settings of the identity providers that users may sign in with. */
export const providerVariables = {
  googleClientId: clientId("AUTH_GOOGLE_CLIENT_ID", "Google"),
  googleClientSecret: clientSecret("AUTH_GOOGLE_CLIENT_SECRET", "Google"),
  githubClientId: clientId("AUTH_GITHUB_CLIENT_ID", "GitHub"),
  githubClientSecret: clientSecret("AUTH_GITHUB_CLIENT_SECRET", "GitHub"),
  microsoftClientId: clientId("AUTH_MICROSOFT_CLIENT_ID", "Microsoft"),
  microsoftClientSecret: clientSecret("AUTH_MICROSOFT_CLIENT_SECRET", "Microsoft"),
  microsoftTenant: variable({
    name: "AUTH_MICROSOFT_TENANT",
    type: z.string().regex(/^[A-Za-z0-9.-]{1,128}$/),
    expected: "`common`, `organizations`, `consumers`, or the id of a tenant",
    help: "Which accounts of Microsoft may sign in.",
    default: "common",
  }),
  oidcDiscoveryUrl: variable({
    name: "AUTH_OIDC_DISCOVERY_URL",
    type: httpUrl,
    expected: "an https URL like https://id.example.com/.well-known/openid-configuration",
    help: "Where any OpenID Connect provider describes itself.",
  }),
  oidcClientId: clientId("AUTH_OIDC_CLIENT_ID", "the OpenID Connect provider"),
  oidcClientSecret: clientSecret("AUTH_OIDC_CLIENT_SECRET", "the OpenID Connect provider"),
  oidcName: variable({
    name: "AUTH_OIDC_NAME",
    type: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/),
    expected: "lower-case letters, digits and hyphens",
    help: "Name of the OpenID Connect provider in routes: its callback is `/auth/callback/NAME`.",
    default: "oidc",
  }),
};

function clientId<N extends string>(name: N, provider: string) {
  return variable({
    name,
    type: text,
    expected: "the id of a client",
    help: `Id of the client that was registered with ${provider}.`,
  });
}

function clientSecret<N extends string>(name: N, provider: string) {
  return variable({
    name,
    type: secretText(),
    expected: "the secret of a client",
    help: `Secret of the client that was registered with ${provider}.`,
    secret: true,
  });
}
