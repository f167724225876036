import { Readable } from "node:stream";
import { setTimeout as after } from "node:timers/promises";
import { easyServiceApp, startService } from "svc-infra";

const app = await easyServiceApp({ name: "rolling" });
app.addContentTypeParser("application/octet-stream", (_request, _payload, done) => done(null));

// Answers that did not reach their end; HAProxy gives up its own question after two seconds, which a busy machine may take.
let cut = 0;
app.addHook("onRequest", (request, reply, done) => {
  if (request.url === "/readyz") return done();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) cut++;
  });
  done();
});
app.get("/cut", async () => ({ cut }));

app.put("/upload/:name", async (request) => {
  const { size, checksum } = await app.storage.put(`rolling/${request.params.name}`, request.raw);
  return { size, checksum };
});

app.get("/upload/:name", async (request) => {
  const { size } = await app.storage.getMetadata(`rolling/${request.params.name}`);
  return { size };
});

app.get("/slow", async (_request, reply) =>
  reply.type("application/octet-stream").send(Readable.from(slowly())),
);

async function* slowly() {
  for (let part = 0; part < 10; part++) {
    yield Buffer.alloc(10_000, part);
    await after(100);
  }
}

await startService(app);
