import { z } from "zod";
import { httpVariables } from "../http/index.js";
import {
  flag,
  httpUrl,
  type SettingOptions,
  type SettingsOf,
  secretList,
  variable,
  wholeNumber,
} from "../kernel/index.js";

import { providerVariables } from "./providers/provider-settings.js";

const secretMinLength = 32;

const origins: z.ZodType<readonly string[]> = z
  .union([
    z.string().transform((text) => text.split(/[\s,]+/).filter((each) => each !== "")),
    z.array(z.string()),
  ])
  .pipe(z.array(z.string().refine(isOrigin)));

/** Settings of {@link addAuthUsers}. */
export const authVariables = {
  secret: variable({
    name: "AUTH_SECRET",
    type: secretList(secretMinLength),
    expected: `secrets of at least ${secretMinLength} characters each, separated by commas or spaces`,
    help: "Signs cookies and links, and encrypts what must be read again. In a list the first one signs and all of them verify.",
    secret: true,
    defaultText: "a new one for each process; an error in production",
  }),
  baseUrl: variable({
    name: "AUTH_BASE_URL",
    type: httpUrl,
    expected: "an http or https URL like https://app.example.com",
    help: "Where people reach the service: what links in mails start with. Production needs https.",
    defaultText: "http://localhost:3000, with easyServiceApp where it listens; an error in production",
  }),
  trustedOrigins: variable({
    name: "AUTH_TRUSTED_ORIGINS",
    type: origins,
    expected: "origins like https://app.example.com, separated by commas or spaces",
    help: "Origins whose pages may sign users in, and that links may lead back to.",
    defaultText: "`CORS_ALLOW_ORIGINS`",
  }),
  passwordMinLength: variable({
    name: "AUTH_PASSWORD_MIN_LENGTH",
    type: wholeNumber({ min: 8, max: 128 }),
    expected: "8 to 128",
    help: "Fewest characters of a password.",
    default: 12,
  }),
  passwordRequireSymbol: variable({
    name: "AUTH_PASSWORD_REQUIRE_SYMBOL",
    type: flag,
    expected: "true or false",
    help: "Whether a password needs a character that is neither a letter nor a digit.",
    default: false,
  }),
  lockoutMaxAttempts: variable({
    name: "AUTH_LOCKOUT_MAX_ATTEMPTS",
    type: wholeNumber({ min: 1, max: 1000 }),
    expected: "1 to 1000",
    help: "Wrong passwords for one address until it is locked.",
    default: 10,
  }),
  lockoutMinutes: variable({
    name: "AUTH_LOCKOUT_MINUTES",
    type: wholeNumber({ min: 1, max: 10_080 }),
    expected: "1 to 10080",
    help: "Minutes that a lock lasts, and that wrong passwords count.",
    default: 15,
  }),
  sessionIdleMinutes: variable({
    name: "AUTH_SESSION_IDLE_MINUTES",
    type: wholeNumber({ min: 1, max: 525_600 }),
    expected: "1 to 525600",
    help: "Minutes without a request after which a session ends, and without a refresh after which tokens do.",
    default: 10_080,
  }),
  sessionMaxDays: variable({
    name: "AUTH_SESSION_MAX_DAYS",
    type: wholeNumber({ min: 1, max: 3650 }),
    expected: "1 to 3650",
    help: "Days after which a session ends, or the tokens of a sign-in do, whatever was done with them.",
    default: 30,
  }),
  accessTokenMinutes: variable({
    name: "AUTH_ACCESS_TOKEN_MINUTES",
    type: wholeNumber({ min: 1, max: 1440 }),
    expected: "1 to 1440",
    help: "Minutes that an access token works until it is refreshed.",
    default: 10,
  }),
  issuer: variable({
    name: "AUTH_MFA_ISSUER",
    type: z.string().min(1).max(64),
    expected: "a name of at most 64 characters",
    help: "Name of the service in authenticator apps, and in mails.",
    default: "svc-infra",
  }),
  ...providerVariables,
};

/** All that {@link addAuthUsers} reads. */
export const authInputs = { ...authVariables, ...httpVariables };

/** Values of {@link authVariables}. */
export type AuthSettings = SettingsOf<typeof authInputs>;

/** Settings given in code, each beating its variable. */
export type AuthOptions = SettingOptions<typeof authVariables>;

function isOrigin(text: string): boolean {
  return /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
