import { runLargeFile } from "./large-file.js";
import { azure, gcs, local } from "./served-backends.js";

for (const backend of [local, gcs, azure]) runLargeFile(backend);
