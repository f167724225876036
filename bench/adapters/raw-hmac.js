import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

const origin = "http://localhost:8000/files/";

/**
 * The least that a signed URL takes: one HMAC of the key and the expiry, and one more with a comparison to verify it.
 *
 * @type {import("../harness/contracts.js").Adapter}
 */
export const adapter = {
  name: "raw-hmac",
  layout: "memory",
  open: async () => {
    const secret = createSecretKey(Buffer.alloc(32, "k"));
    const expires = Math.floor(Date.now() / 1000) + 3600;
    const digest = (/** @type {string} */ text) => createHmac("sha256", secret).update(text).digest();
    return {
      sign: (key) => {
        const text = `${key}?expires=${expires}`;
        return `${origin}${text}&signature=${digest(`get\n${text}`).toString("base64url")}`;
      },
      verify: (url) => {
        const end = url.lastIndexOf("&signature=");
        const given = Buffer.from(url.slice(end + "&signature=".length), "base64url");
        const expected = digest(`get\n${url.slice(origin.length, end)}`);
        return given.length === expected.length && timingSafeEqual(given, expected);
      },
      close: async () => undefined,
    };
  },
};
