import { createHash } from "node:crypto";
import { z } from "zod";

const mark = "sha256:";

/** Keeps recovery codes as hashes: one of 59 random bits cannot be found by trying. */
export const recoveryCodes = {
  /** Called with new codes, and with the hashes that are left when one was used. */
  encrypt: async (json: string): Promise<string> => {
    const codes = z.array(z.string()).parse(JSON.parse(json));
    return JSON.stringify(codes.map((each) => (each.startsWith(mark) ? each : hashRecoveryCode(each))));
  },
  decrypt: async (json: string): Promise<string> => json,
};

/** What the library compares in place of the code that a user typed. */
export function hashRecoveryCode(code: string): string {
  return mark + createHash("sha256").update(code.trim(), "utf8").digest("base64url");
}
