import { setTimeout as after } from "node:timers/promises";
import { easyServiceApp, startService } from "svc-infra";

const app = await easyServiceApp({ name: "stopping" });
app.get("/slow", async () => {
  await after(Number(process.env.SLOW_MS ?? 500));
  return { isWhole: true };
});
app.addHook("onClose", async () => app.log.warn("helpers close"));
await startService(app);
