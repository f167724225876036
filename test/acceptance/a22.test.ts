import { runA22 } from "./a22.js";
import { cloudinary, gcs, local, memory } from "./served-backends.js";

for (const backend of [memory, local, gcs, cloudinary]) runA22(backend);
