import { jobsVariables, registryVariables } from "../../jobs/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const jobs: Helper = {
  name: "jobs",
  variables: [jobsVariables, registryVariables],
  askedBy: ["JOBS_DRIVER"],
  add: async (app, { env, options }) => {
    const { addJobs } = await import("../../jobs/index.js");
    const { queue } = await addJobs(app, { env, ...optionsOf(options.jobs) });
    return queue.driver;
  },
};
