import { runLargeFile } from "./large-file.js";
import { gcs, local } from "./served-backends.js";

for (const backend of [local, gcs]) runLargeFile(backend);
