import type { Helper } from "../helper.js";

export const events: Helper = {
  name: "events",
  variables: [],
  enabledBy: [],
  needs: ["jobs"],
  add: async (app, { options, jobs }) => {
    if (options.events === undefined || options.events === false) return "off";
    const { addEvents } = await import("../../events/index.js");
    const added = await addEvents(app, options.events);
    jobs.push(...added.jobs);
    return `${options.events.events.length} kinds`;
  },
};
