import { z } from "zod";
import { type SettingOptions, variable } from "../kernel/index.js";

/** Settings of tenancy. */
export const tenancyVariables = {
  header: variable({
    name: "TENANT_HEADER",
    type: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/)
      .transform((name) => name.toLowerCase()),
    expected: "the name of a header",
    help: "Header whose value is the tenant when nothing else tells. Only behind a gateway that sets it.",
    defaultText: "no header is trusted",
  }),
};

/** Settings given in code, each beating its variable. */
export type TenancySettingOptions = SettingOptions<typeof tenancyVariables>;
