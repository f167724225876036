export {
  type AddMongoDbOptions,
  addMongoDb,
  getMongoDb,
  type MongoPluginOptions,
  mongoPlugin,
} from "./plugin.js";
export { type MongoOptions, type MongoSettings, mongoVariables } from "./settings.js";
