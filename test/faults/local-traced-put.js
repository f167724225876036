// One put of each kind and one removal, for a test that reads the system calls.
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const [, , basePath, durability] = process.argv;
const storage = new Storage(new LocalBackend({ basePath, durability, secrets: ["x".repeat(32)] }));

async function* large() {
  for (let piece = 0; piece < 8; piece++) yield Buffer.alloc(64 * 1024, piece);
}

await storage.put("new/folder/small", "content");
process.stdout.write("acknowledged small\n");
await storage.put("new/large", large());
process.stdout.write("acknowledged large\n");
await storage.delete("new/folder/small");
process.stdout.write("acknowledged removal\n");
await storage.close();
