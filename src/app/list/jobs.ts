import { jobsVariables, registryVariables } from "../../jobs/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const jobs: Helper = {
  name: "jobs",
  variables: [jobsVariables, registryVariables],
  askedBy: ["JOBS_DRIVER"],
  add: async (app, { env, options, jobs: ofHelpers }) => {
    const { addJobs } = await import("../../jobs/index.js");
    const { jobs: own = [], ...given } = optionsOf(options.jobs);
    const { queue } = await addJobs(app, { env, ...given, jobs: [...own, ...ofHelpers] });
    return queue.driver;
  },
};
