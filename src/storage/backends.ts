import { azureRow } from "./backends/azure/settings.js";
import { cloudinaryRow } from "./backends/cloudinary/settings.js";
import { gcsRow } from "./backends/gcs/settings.js";
import { localRow } from "./backends/local/settings.js";
import { memoryRow } from "./backends/memory/settings.js";
import { s3Row } from "./backends/s3/settings.js";

/** The one list of backends, in the order in which they are detected. Each row is in its backend's folder. */
export const backendRows = {
  local: localRow,
  s3: s3Row,
  gcs: gcsRow,
  cloudinary: cloudinaryRow,
  azure: azureRow,
  memory: memoryRow,
};

type Rows = typeof backendRows;

/** A backend, as `STORAGE_BACKEND` names it. */
export type BackendType = keyof Rows;

// Neither keys nor entries of an object keep their types.
/** Backends that `STORAGE_BACKEND` can name, in the order in which they are detected. */
export const backendTypes = Object.keys(backendRows) as [BackendType, ...BackendType[]];

/** Variables of each backend; only those of the one in use are read. */
export const backendVariables = Object.fromEntries(
  backendTypes.map((type) => [type, backendRows[type].variables]),
) as { readonly [T in BackendType]: Rows[T]["variables"] };
