import { runLargeFile } from "./large-file.js";
import { local } from "./served-backends.js";

runLargeFile(local);
