import assert from "node:assert/strict";
import { StorageError, type StorageErrorCode } from "../contract/error.js";

/** The error of a call that must fail with one of these codes, as the one error class. */
export async function failure(
  call: Promise<unknown>,
  ...codes: readonly StorageErrorCode[]
): Promise<StorageError> {
  const error = await call.then(
    (value) => assert.fail(`should fail with ${codes.join(" or ")}, but gave ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StorageError, `should fail with a StorageError, but threw ${String(error)}`);
  assert.ok(
    codes.includes(error.code),
    `should fail with ${codes.join(" or ")}, not ${error.code}: ${error.message}`,
  );
  return error;
}

/** Fails with the lengths and the first difference: whole buffers would drown the reason. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = "content"): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, index) => actual[index] !== byte);
  assert.fail(`${what} differs at byte ${at}: ${actual.byteLength} bytes instead of ${expected.byteLength}`);
}
