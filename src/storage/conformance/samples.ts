import type { Content } from "../content/content.js";

/** Content that is the same for the same length and seed and that no mix-up leaves unchanged. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761) >>> 0;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** The bytes as a stream in pieces of odd sizes, among them empty ones. */
export async function* oddPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const sizes = [1, 0, 7, 4096, 3, 65_537, 0, 13];
  for (let at = 0, turn = 0; at < bytes.byteLength; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** A stream that gives these bytes and then fails. */
export async function* failingAfter(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* oddPieces(bytes);
  throw new Error("the source failed");
}

/** Text in many scripts and with every character that an encoding could trip over. */
export const awkwardTexts: readonly string[] = [
  "請求書 2024年.pdf",
  "счёт-фактура.txt",
  "فاتورة.png",
  "हिन्दी",
  "👩🏽‍🚀.webp",
  "e\u0301 and é",
  `quotes " ' and \\ back`,
  "100% &lt; a=b; c,d",
  "=?UTF-8?B?4pyT?=",
];

/** Every kind of content that `put` takes, all of the same bytes. */
export function contentsOf(text: string): readonly (readonly [kind: string, content: Content])[] {
  const bytes = Buffer.from(text);
  return [
    ["text", text],
    ["a Buffer", bytes],
    ["a Uint8Array", new Uint8Array(bytes)],
    ["an ArrayBuffer", new Uint8Array(bytes).buffer],
    ["a Blob", new Blob([text])],
    ["a web stream", new Blob([text]).stream()],
    ["a generator", oddPieces(bytes)],
  ];
}
