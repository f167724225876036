import { mongoVariables } from "../../mongo/settings.js";
import { type Helper, optionsOf } from "../helper.js";

export const mongo: Helper = {
  name: "mongo",
  variables: [mongoVariables],
  enabledBy: ["MONGO_URL", "MONGODB_URI"],
  add: async (app, { env, options }) => {
    const { addMongoDb } = await import("../../mongo/index.js");
    const { databaseName } = await addMongoDb(app, { env, ...optionsOf(options.mongo) });
    return databaseName;
  },
};
