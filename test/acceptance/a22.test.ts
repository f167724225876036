import { runA22 } from "./a22.js";
import { gcs, local, memory } from "./served-backends.js";

for (const backend of [memory, local, gcs]) runA22(backend);
