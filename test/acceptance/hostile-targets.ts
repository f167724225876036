/** Where a hostile piece can stand in a key. */
const shapes = {
  alone: (piece: string) => piece,
  first: (piece: string) => `${piece}/x`,
  middle: (piece: string) => `a/${piece}/b`,
  last: (piece: string) => `a/${piece}`,
  inside: (piece: string) => `a${piece}b`,
  lastEncoded: (piece: string) => `a%2f${piece}`,
};
type Shape = keyof typeof shapes;

const everywhere: readonly Shape[] = ["alone", "first", "middle", "last", "inside", "lastEncoded"];

/** Characters that no key has. */
const foreign = [..." \t\n\r\0\u001b\u007f!\"#$%&'()*+,:;<=>?@[\\]^`{|}~é日\u202e\uff0e\u200b"];

/** What is refused, and where. */
const rules: readonly (readonly [piece: string, at: readonly Shape[]])[] = [
  ["..", everywhere],
  ["...", everywhere],
  [".", ["alone", "first", "middle", "last", "lastEncoded"]],
  ["", ["first", "middle", "last", "lastEncoded"]],
  [".svc-infra", ["alone", "first"]],
  ...foreign.map((piece) => [piece, everywhere] as const),
];

/** How a piece can be written in a request target; `raw` only where it then still is one piece. */
const encodings: readonly ((piece: string) => string | undefined)[] = [
  (piece) => (/^[!"$'()*+,:;<=>@[\\\]^`{|}~.a-z-]*$/.test(piece) ? piece : undefined),
  percent,
  (piece) => percent(piece).toUpperCase(),
  (piece) => percent(piece).replaceAll("%", "%25"),
];

function percent(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

function fromTable(): readonly string[] {
  return rules.flatMap(([piece, at]) =>
    encodings.flatMap((encode) => {
      const written = encode(piece);
      return written === undefined ? [] : at.map((shape) => shapes[shape](written));
    }),
  );
}

/** What no table makes: other schemes, broken encodings, overlong UTF-8, lengths. */
const singles = [
  "..",
  "../x",
  "../../etc/passwd",
  "a/../b",
  "a/..",
  "a/./b",
  "./a",
  ".",
  "a/.",
  "a//b",
  "/a",
  "//a",
  "a/",
  "a/b/",
  "a..b",
  "...",
  "%2e%2e/x",
  "%2E%2E%2Fx",
  "..%2fx",
  "a%2f..%2fb",
  "%2fetc/passwd",
  "a%2f%2fb",
  "a%2f",
  "%2e",
  "%2e/a",
  "%252e%252e/x",
  "%25252e%25252e/x",
  "a%252fb",
  "..%5cx",
  "..\\x",
  "a\\b",
  "C:%5cwindows",
  "C:/windows",
  "%00",
  "a%00b",
  "a%00.png",
  "a%0ab",
  "a%0d%0aSet-Cookie:x",
  "a%20b",
  "a+b",
  "a%09",
  "%7f",
  "%c0%ae%c0%ae/x",
  "%c0%af",
  "%e0%80%ae",
  "%ed%a0%80",
  "%ff",
  "%f4%90%80%80",
  "%u002e",
  "%",
  "a%",
  "a%2",
  "a%zz",
  "%e6%97%a5%e6%9c%ac",
  "a;b",
  "a:b",
  "a*b",
  "a|b",
  "a'b",
  "a$b",
  "~root",
  "{a}",
  "[a]",
  ".svc-infra",
  ".svc-infra/x",
  "%2esvc-infra/x",
  ".svc-infra%2fsecret",
  "x".repeat(1025),
  `${"x/".repeat(600)}x`,
];

/** Keys as they stand in a request target: nothing in between may clean them up. */
export const hostileTargets: readonly string[] = [...new Set([...fromTable(), ...singles])];
