import { randomUUID } from "node:crypto";
import { access, constants, mkdir, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { loadPeer } from "../kernel/index.js";
import { MailError } from "./mail-error.js";
import type { MailTransport } from "./transport.js";

/**
 * Writes each mail to a file of its own, which any mail program opens: for development and tests. The files are in the
 * order of their names.
 *
 * @throws ConfigurationError when nodemailer is not installed.
 */
export async function folderTransport(folder: string): Promise<MailTransport> {
  const { createTransport } = await loadPeer("nodemailer", "addMail", () => import("nodemailer"));
  const composer = createTransport({ streamTransport: true, buffer: true, newline: "unix" });
  const path = resolve(folder);
  return {
    description: path,
    async send({ to, replyTo, ...mail }) {
      const receivers = [...(typeof to === "string" ? [to] : to)];
      const composed = await composer.sendMail({
        ...mail,
        to: receivers,
        ...(replyTo === undefined ? {} : { replyTo }),
      });
      await mkdir(path, { recursive: true, mode: 0o700 });
      const name = `${new Date().toISOString().replaceAll(":", "-")}-${randomUUID()}.eml`;
      const temporary = join(path, `.${name}`);
      await writeFile(temporary, composed.message as Buffer, { mode: 0o600 });
      await rename(temporary, join(path, name));
      return [];
    },
    async check() {
      await mkdir(path, { recursive: true, mode: 0o700 })
        .then(() => access(path, constants.W_OK))
        .catch((error: unknown) => {
          throw new MailError("mail_unavailable", "MAIL_FOLDER cannot be written", { cause: error });
        });
    },
    close: () => undefined,
  };
}
