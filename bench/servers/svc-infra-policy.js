import { serveStorage } from "./serve-storage.js";

await serveStorage((storage) =>
  storage.withPolicy({ maxBytes: "2GB", types: ["image/*", "text/plain", "application/octet-stream"] }),
);
