import { tenancyVariables } from "../../tenancy/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const tenancy: Helper = {
  name: "tenancy",
  variables: [tenancyVariables],
  enabledBy: [tenancyVariables.header.name],
  add: async (app, { env, options }) => {
    const { addTenancy } = await import("../../tenancy/index.js");
    await addTenancy(app, { env, ...optionsOf(options.tenancy) });
    return "request.tenant";
  },
};
