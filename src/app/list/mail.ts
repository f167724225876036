import { mailVariables } from "../../mail/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const mail: Helper = {
  name: "mail",
  variables: [mailVariables],
  enabledBy: ["MAIL_URL", "SMTP_URL", "MAIL_FOLDER"],
  add: async (app, { env, options }) => {
    const { addMail } = await import("../../mail/index.js");
    const { description } = await addMail(app, { env, ...optionsOf(options.mail) });
    return description;
  },
};
