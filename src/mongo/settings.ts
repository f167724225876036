import { z } from "zod";
import { type SettingOptions, type SettingsOf, secretText, variable, wholeNumber } from "../kernel/index.js";

const maxTimerMs = 2 ** 31 - 1;
const milliseconds = `a whole number of milliseconds from 1 to ${maxTimerMs}`;

/** Settings of MongoDB. */
export const mongoVariables = {
  url: variable({
    name: "MONGO_URL",
    aliases: ["MONGODB_URI"],
    type: secretText(),
    expected: "mongodb://USER:PASSWORD@HOST:PORT/DATABASE or mongodb+srv://…",
    help: "The server or the replica set, with every option that a MongoDB URL may carry.",
    secret: true,
  }),
  database: variable({
    name: "MONGO_DB",
    // What a server refuses in a name, on any system it runs on.
    type: z.string().regex(/^[^/\\. "$*<>:|?\0]{1,63}$/),
    expected: "the name of a database",
    help: "The database on that server.",
    defaultText: "the one that the URL names",
  }),
  minPoolSize: variable({
    name: "MONGO_MIN_POOL",
    type: wholeNumber({ max: 10_000 }),
    expected: "a whole number from 0 to 10000",
    help: "Connections that each process keeps open when idle.",
    defaultText: "`minPoolSize` of the URL, else 0",
  }),
  maxPoolSize: variable({
    name: "MONGO_MAX_POOL",
    type: wholeNumber({ min: 1, max: 10_000 }),
    expected: "a whole number from 1 to 10000",
    help: "Most connections of each process to one server.",
    defaultText: "`maxPoolSize` of the URL, else 100",
  }),
  connectTimeoutMs: variable({
    name: "MONGO_CONNECT_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds that a call waits for a server and for a connection of the pool before it fails.",
    default: 5_000,
  }),
  timeoutMs: variable({
    name: "MONGO_TIMEOUT_MS",
    type: wholeNumber({ min: 1, max: maxTimerMs }),
    expected: milliseconds,
    help: "Milliseconds that the server has for one answer.",
    default: 30_000,
  }),
};

/** Values of {@link mongoVariables}. */
export type MongoSettings = SettingsOf<typeof mongoVariables>;

/** Settings given in code, each beating its variable. */
export type MongoOptions = SettingOptions<typeof mongoVariables>;
