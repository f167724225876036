import type { Body } from "./backend.js";

/** A body that is as another one, but for what is given. */
export function changedBody(body: Body, changed: Partial<Body> & Pick<Body, "open">): Body {
  return {
    size: body.size,
    bytes: body.bytes,
    replayable: body.replayable,
    expected: body.expected,
    checksum: () => body.checksum(),
    forgoChecksum: () => body.forgoChecksum?.(),
    ...changed,
  };
}
