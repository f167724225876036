import { runA22 } from "./a22.js";
import { swift } from "./served-backends.js";

runA22(swift);
