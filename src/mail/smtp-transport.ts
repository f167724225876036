import { loadPeer, type Secret } from "../kernel/index.js";
import { MailError } from "./mail-error.js";
import type { MailTransport } from "./transport.js";

/**
 * Sends mail to an SMTP server (RFC 5321), over TLS where the server offers it; `smtps:` begins with TLS.
 *
 * @param url - with user name and password, where the server asks for them.
 * @param timeoutMs - milliseconds until a silent server counts as failed.
 * @throws ConfigurationError when nodemailer is not installed.
 */
export async function smtpTransport(url: Secret, timeoutMs: number): Promise<MailTransport> {
  const { createTransport } = await loadPeer(
    "nodemailer",
    "addMail with MAIL_URL",
    () => import("nodemailer"),
  );
  const { protocol, hostname, port, username, password } = new URL(url.reveal());
  const isSecure = protocol === "smtps:";
  const host = hostname.replace(/^\[|\]$/g, "");
  const chosenPort = port === "" ? (isSecure ? 465 : 587) : Number(port);
  const smtp = createTransport({
    host,
    port: chosenPort,
    secure: isSecure,
    // A password must not cross a network in the clear; servers on this machine rarely have certificates.
    requireTLS: username !== "" && !isSecure && !isLoopback(host),
    ...(username === ""
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    description: `${protocol}//${hostname}:${chosenPort}`,
    async send({ to, replyTo, ...mail }) {
      const { rejected } = await smtp
        .sendMail({
          ...mail,
          to: [...(typeof to === "string" ? [to] : to)],
          ...(replyTo === undefined ? {} : { replyTo }),
        })
        .catch((error: unknown) => fail(error));
      return rejected;
    },
    async check() {
      await smtp.verify().catch((error: unknown) => fail(error));
    },
    close: () => smtp.close(),
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** 5yz is final (RFC 5321 §4.2.1); all else may pass. */
function fail(error: unknown): never {
  const facts: { responseCode?: unknown; code?: unknown } =
    typeof error === "object" && error !== null ? error : {};
  const isFinal =
    typeof facts.responseCode === "number" && facts.responseCode >= 500 && facts.code !== "EAUTH";
  throw isFinal
    ? new MailError("mail_refused", "the mail server refused the mail", { cause: error })
    : new MailError("mail_unavailable", "the mail server did not take the mail; see MAIL_URL", {
        cause: error,
      });
}
