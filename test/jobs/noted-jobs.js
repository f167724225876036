import { defineJob } from "svc-infra/jobs";
import { z } from "zod";

/** What `svc-infra jobs run` handles in a test. */
export const noted = defineJob("noted", z.number(), () => undefined);
