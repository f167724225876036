import { once } from "node:events";

let isGone = false;
let goesOn = false;

/** Ends the command, with the code that is set, when the reader of its output, such as `head`, closes the pipe. */
export function watchOutputReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (!goesOn) process.exit();
    isGone = true;
  });
}

/** For a command that changes something: it does all its work, and only stops printing. */
export function goOnWithoutReader(): void {
  goesOn = true;
}

/** Writes to stdout at the pace of its reader. */
export async function print(text: string): Promise<void> {
  if (isGone || process.stdout.write(text)) return;
  await once(process.stdout, "drain").catch(() => undefined);
}
