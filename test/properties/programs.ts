import fc from "fast-check";
import { FileNotFoundError, type Storage } from "svc-infra/storage";
import { expect } from "vitest";
import { neighbourKey } from "./arbitraries.js";

/** What a storage should hold. */
export type Model = Map<string, { readonly content: string; readonly note: string }>;

/** One step of a program, done to the storage and to the model, with what must be the same afterwards. */
export type Step = (storage: Storage, model: Model) => Promise<void>;

const word = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());

function put(key: string, content: string, note: string): Step {
  return async (storage, model) => {
    const { size } = await storage.put(key, content, { metadata: { note } });
    expect(size).toBe(Buffer.byteLength(content));
    model.set(key, { content, note });
  };
}

function get(key: string): Step {
  return async (storage, model) => {
    const expected = model.get(key);
    if (expected === undefined) return expect(storage.get(key)).rejects.toThrow(FileNotFoundError);
    const { body, metadata } = await storage.open(key);
    expect({ content: await body.text(), note: metadata.note }).toEqual(expected);
  };
}

function remove(key: string): Step {
  return async (storage, model) => {
    expect(await storage.delete(key)).toBe(model.delete(key));
  };
}

function copy(from: string, to: string, moves: boolean): Step {
  return async (storage, model) => {
    const call = () => (moves ? storage.move(from, to) : storage.copy(from, to));
    const source = model.get(from);
    if (from === to) return expect(call()).rejects.toMatchObject({ code: "invalid_argument" });
    if (source === undefined) return expect(call()).rejects.toThrow(FileNotFoundError);
    await call();
    model.set(to, source);
    if (moves) model.delete(from);
  };
}

function removeFolder(folder: string): Step {
  return async (storage, model) => {
    const keys = [...model.keys()].filter((key) => key.startsWith(`${folder}/`));
    expect(await storage.deletePrefix(folder)).toBe(keys.length);
    for (const key of keys) model.delete(key);
  };
}

function list(prefix: string, limit: number): Step {
  return async (storage, model) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await storage.list({ prefix, limit, cursor });
      found.push(...page.items.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual([...model.keys()].filter((key) => key.startsWith(prefix)).sort());
  };
}

function roll(limit: number): Step {
  return async (storage, model) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await storage.list({ delimiter: "/", limit, cursor });
      found.push(...[...page.items.map(({ key }) => key), ...page.prefixes].sort());
      cursor = page.cursor;
    } while (cursor !== undefined);
    const entries = [...model.keys()].map((key) => key.replace(/\/.*/, "/"));
    expect(found).toEqual([...new Set(entries)].sort());
  };
}

const limit = fc.integer({ min: 1, max: 5 });

/** Programs of every operation over a few keys. */
export const program: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(neighbourKey, word, word).map((each) => put(...each)) },
    { weight: 2, arbitrary: neighbourKey.map(get) },
    { weight: 2, arbitrary: neighbourKey.map(remove) },
    { weight: 2, arbitrary: fc.tuple(neighbourKey, neighbourKey, fc.boolean()).map((each) => copy(...each)) },
    { weight: 1, arbitrary: fc.constantFrom("b", "b/c", "a").map(removeFolder) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom("", "a", "b", "b/", "B", "x"), limit).map((each) => list(...each)),
    },
    { weight: 1, arbitrary: limit.map(roll) },
  ),
  { maxLength: 40 },
);

/** Runs a program on a storage and on a map, and compares all of it in the end. */
export async function runProgram(storage: Storage, steps: readonly Step[]): Promise<void> {
  const model: Model = new Map();
  for (const step of steps) await step(storage, model);
  await list("", 3)(storage, model);
  for (const key of model.keys()) await get(key)(storage, model);
}
