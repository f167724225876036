import { expect, it } from "vitest";
import { isKnownAddress } from "#dist/storage/contract/known-address.js";

const domains = ["googleapis.com"];

it.each([
  ["https://storage.googleapis.com/x", "https://storage.googleapis.com", true],
  ["https://eu.upload.googleapis.com/x", "https://storage.googleapis.com", true],
  ["https://googleapis.com/x", "https://files.corp.example", true],
  ["https://files.corp.example/x", "https://files.corp.example", true],
  ["http://127.0.0.1:4443/x", "http://localhost:4443", true],
  ["http://emulator:4443/x", "http://emulator:4443", true],
  ["http://storage.googleapis.com/x", "https://storage.googleapis.com", false],
  ["http://storage.googleapis.com/x", "http://localhost:4443", false],
  ["ftp://localhost/x", "http://localhost:4443", false],
  ["http://localhost:80/x", "https://storage.googleapis.com", false],
  ["https://evil.example/x", "https://storage.googleapis.com", false],
  ["https://notgoogleapis.com/x", "https://storage.googleapis.com", false],
  ["https://googleapis.com.evil.example/x", "https://storage.googleapis.com", false],
  ["https://evil.example/x", "http://localhost:4443", false],
])("a service may send on to %s from %s: %s", (to, from, expected) => {
  expect(isKnownAddress(new URL(to), new URL(from), domains)).toBe(expected);
});
