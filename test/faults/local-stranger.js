// Asks a folder that it has no rights in, and prints the codes of the failures.
import { Storage } from "svc-infra/storage";
import { LocalBackend } from "svc-infra/storage/local";

const storage = new Storage(new LocalBackend({ basePath: process.argv[2] }));
const codeOf = (error) => error.code;
const codes = [
  await storage.put("a", "x").catch(codeOf),
  await storage.get("closed/a").catch(codeOf),
  await storage.delete("closed/a").catch(codeOf),
];
process.stdout.write(JSON.stringify(codes));
await storage.close();
