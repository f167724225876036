import { h1Small, h2Large, h3Range, h4NotModified } from "./h-downloads.js";
import { l1Put } from "./l1-put.js";
import { l1fPutDurable } from "./l1f-put-durable.js";
import { l2Get } from "./l2-get.js";
import { l3PutStream } from "./l3-put-stream.js";
import { l4GetStream } from "./l4-get-stream.js";
import { l5ListFlat, l5ListNested } from "./l5-list.js";
import { l6Stat } from "./l6-stat.js";
import { l7PutDurableLarge, l8PutLarge } from "./l7-put-durable-large.js";
import { l9HugeFolder } from "./l9-huge-folder.js";
import { m1Memory } from "./m1-memory.js";
import { s1Objects } from "./s1-objects.js";
import { s2Upload } from "./s2-upload.js";
import { s3Presign } from "./s3-presign.js";
import { s4List } from "./s4-list.js";
import { u1Form, u2LargeForm } from "./u-uploads.js";
import { v1SignedUrl } from "./v1-signed-url.js";

/** In the order in which they run. @type {readonly import("../harness/contracts.js").Case[]} */
export const cases = [
  l1Put,
  l1fPutDurable,
  l2Get,
  l3PutStream,
  l4GetStream,
  l5ListNested,
  l5ListFlat,
  l6Stat,
  l7PutDurableLarge,
  l8PutLarge,
  l9HugeFolder,
  m1Memory,
  s1Objects,
  s2Upload,
  s3Presign,
  s4List,
  h1Small,
  h2Large,
  h3Range,
  h4NotModified,
  u1Form,
  u2LargeForm,
  v1SignedUrl,
];

/** @param {string} id */
export function caseWithId(id) {
  const found = cases.find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no case ${id}`);
  return found;
}
