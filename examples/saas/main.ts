import { startService } from "svc-infra";
import { createApp } from "./app.js";

const app = await createApp();
const url = await startService(app);
app.log.info(`open ${url} in a browser`);
