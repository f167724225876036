import { paymentVariables } from "../../payments/settings.js";
import type { Helper } from "../helper.js";

/** Plans are said in code, so no variable asks for it. */
export const payments: Helper = {
  name: "payments",
  variables: [paymentVariables],
  enabledBy: [],
  needs: ["sql", "jobs"],
  add: async (app, { env, options, jobs }) => {
    if (options.payments === undefined || options.payments === false) return "off";
    const { addPayments } = await import("../../payments/index.js");
    const added = await addPayments(app, { env, ...options.payments });
    jobs.push(...added.jobs);
    return "stripe";
  },
};
