import { oneOf, text, variable } from "../../../kernel/index.js";
import { backendRow } from "../../contract/backend-row.js";

/** Variables of a folder. */
export const localVariables = {
  /** Folder that holds the files. Default: /data/uploads. Variable: `STORAGE_BASE_PATH`. */
  basePath: variable({
    name: "STORAGE_BASE_PATH",
    aliases: ["RAILWAY_VOLUME_MOUNT_PATH"],
    type: text,
    expected: "a path",
    help: "Folder that holds the files.",
    default: "/data/uploads",
  }),
  /**
   * `full` survives a power cut after each write; `fast` leaves the time of writing to the system. Default:
   * full. Variable: `STORAGE_DURABILITY`.
   */
  durability: variable({
    name: "STORAGE_DURABILITY",
    type: oneOf(["full", "fast"]),
    expected: "full or fast",
    help: "`full` survives a power cut after each write; `fast` leaves the time of writing to the system.",
    default: "full",
  }),
};

/** How the environment chooses and makes this backend. */
export const localRow = backendRow({
  variables: localVariables,
  place: "basePath",
  detectedBy: ["RAILWAY_VOLUME_MOUNT_PATH"],
  required: [],
  signsWithSecret: true,
  create: async (own, signing) => {
    const { LocalBackend } = await import("./backend.js");
    return new LocalBackend({ ...own, ...signing });
  },
});
