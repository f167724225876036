import { serveStorage } from "./serve-storage.js";

await serveStorage();
