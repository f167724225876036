import { z } from "zod";
import { Secret, type SettingsOf, text, type Variable, variable, wholeNumber } from "../kernel/index.js";
import { isAddress } from "./message.js";

const smtpUrl: z.ZodType<Secret, Secret | string> = z
  .union([z.instanceof(Secret), z.string().transform(toSecret)])
  .refine((secret) => isSmtpUrl(secret.reveal()));

function isSmtpUrl(value: string): boolean {
  if (!/^smtps?:\/\/[^/?#]+/i.test(value) || !URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return [username, password].every(canDecode);
}

function canDecode(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}

function toSecret(value: string): Secret {
  return new Secret(value);
}

/** The settings of {@link addMail}. */
export const mailVariables = {
  url: variable({
    name: "MAIL_URL",
    aliases: ["SMTP_URL"],
    type: smtpUrl,
    expected:
      "a URL like smtp://user:password@host:587 or smtps://host:465; a percent sign of the password is written %25",
    help: "SMTP server that takes the mail. Unset: mail is written to MAIL_FOLDER.",
    secret: true,
  }),
  from: variable({
    name: "MAIL_FROM",
    type: text.refine(isAddress),
    expected: "an address like Shop <shop@example.com>",
    help: "Sender of every mail that names none.",
    default: "svc-infra <no-reply@localhost>",
  }),
  folder: variable({
    name: "MAIL_FOLDER",
    type: text,
    expected: "a path",
    help: "Folder of .eml files, where no SMTP server is set.",
    defaultText: "./.data/mail; none in production",
  }),
  timeoutMs: variable({
    name: "MAIL_TIMEOUT_MS",
    type: wholeNumber({ min: 100, max: 600_000 }),
    expected: "100 to 600000",
    help: "Milliseconds until a silent SMTP server counts as failed.",
    default: 10_000,
  }),
} satisfies Record<string, Variable<unknown>>;

/** What {@link mailVariables} read. */
export type MailSettings = SettingsOf<typeof mailVariables>;
