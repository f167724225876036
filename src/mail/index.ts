export { Mail, type MailQueue } from "./mail.js";
export { MailError, type MailErrorCode } from "./mail-error.js";
export { mailJobs } from "./mail-jobs.js";
export type { MailContent, MailMessage } from "./message.js";
export { type AddMailOptions, addMail, getMail, mailPlugin } from "./plugin.js";
export { type MailSettings, mailVariables } from "./settings.js";
export { Html, html, type LinkMail, linkMail, type MailTemplate } from "./template.js";
export type { MailTransport, SendableMail } from "./transport.js";
