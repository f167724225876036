import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { joinHealth } from "../health/index.js";
import { type AnyApp, type AnyRequest, appOf, fastifyOf } from "../http/index.js";
import {
  appEnvOf,
  ConfigurationError,
  type Environment,
  parseSettings,
  readEnvironment,
  type SettingOptions,
} from "../kernel/index.js";
import { folderTransport } from "./folder-transport.js";
import { Mail } from "./mail.js";
import { type MailSettings, mailVariables } from "./settings.js";
import { smtpTransport } from "./smtp-transport.js";
import type { MailTransport } from "./transport.js";

declare module "fastify" {
  interface FastifyInstance {
    /** What this app sends mail with; there after `addMail`. */
    mail: Mail;
  }
}

/** Options of {@link addMail}; each one beats its variable. */
export interface AddMailOptions extends SettingOptions<typeof mailVariables> {
  /** Default: the process environment over `.env`. */
  readonly env?: Environment | undefined;
}

/**
 * Gives an app mail: decorates it with `app.mail`, joins its health, and closes with it. Without `MAIL_URL` each mail
 * becomes a file in `MAIL_FOLDER`; in production one of the two must be set.
 *
 * @throws ConfigurationError that names each variable at fault.
 * @example
 * const mail = await addMail(app);
 * await mail.send({ to: "ann@example.com", subject: "Welcome", text: "Hello Ann." });
 */
export async function addMail(app: AnyApp, options: AddMailOptions = {}): Promise<Mail> {
  const fastify = fastifyOf(app);
  await fastify.register(mailPlugin, options);
  return fastify.mail;
}

/** {@link addMail} as a plugin. */
export const mailPlugin: FastifyPluginAsync<AddMailOptions> = fastifyPlugin(
  async (app: FastifyInstance, { env = readEnvironment(), ...options }: AddMailOptions) => {
    const settings = parseSettings(mailVariables, env, options);
    const transport = await chooseTransport(settings, env);
    const mail = new Mail(transport, settings.from, app.log);
    app.decorate("mail", mail);
    app.addHook("onClose", async () => mail.close());
    // Mail waits for its server, so a service without it still serves.
    await joinHealth(app, "mail", () => mail.check(), { critical: false });
    const reason = settings.url === undefined ? "MAIL_URL is not set" : "MAIL_URL is set";
    app.log.info({ reason }, `mail goes to ${mail.description}: ${reason}`);
  },
  { name: "svc-infra/mail", fastify: "5.x" },
);

/**
 * The mail of an app, or of the app that a request came to.
 *
 * @throws ConfigurationError when none was added.
 *
 * @example
 * await getMail(request).send({ to, subject: "Hello", text: "It works." });
 */
export function getMail(from: AnyApp | AnyRequest): Mail {
  const app = appOf(from);
  if (app.hasDecorator("mail")) return app.mail;
  throw new ConfigurationError([
    { name: "app.mail", message: "is not there; call 'await addMail(app)' first" },
  ]);
}

function chooseTransport(settings: MailSettings, env: Environment): Promise<MailTransport> {
  if (settings.url !== undefined) return smtpTransport(settings.url, settings.timeoutMs);
  if (settings.folder === undefined && appEnvOf(env) === "prod") {
    const message = "is not set; production needs an SMTP server, or MAIL_FOLDER to write files on purpose";
    throw new ConfigurationError([{ name: "MAIL_URL", message }]);
  }
  return folderTransport(settings.folder ?? ".data/mail");
}
