import { runA22 } from "./a22.js";
import { local, memory } from "./served-backends.js";

for (const backend of [memory, local]) runA22(backend);
