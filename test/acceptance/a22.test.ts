import { runA22 } from "./a22.js";
import { azure, cloudinary, gcs, local, memory } from "./served-backends.js";

for (const backend of [memory, local, gcs, azure, cloudinary]) runA22(backend);
