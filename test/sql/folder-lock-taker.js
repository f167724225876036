// @ts-check
// Tells whether it got the lock of a folder, and keeps it until it is killed.
import { lockFolder } from "#dist/sql/embedded/folder-lock.js";

let answer = "locked";
try {
  lockFolder(process.argv[2] ?? "");
} catch {
  answer = "refused";
}
process.send?.(answer);
setInterval(() => undefined, 2 ** 30);
