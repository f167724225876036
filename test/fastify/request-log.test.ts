import { withoutSignature } from "svc-infra";
import { expect, test } from "vitest";

test.each([
  ["/files/a?expires=1&signature=abc", "/files/a?expires=1&signature=***"],
  ["/files/a?signature=abc&expires=1", "/files/a?signature=***&expires=1"],
  ["/files/a?signature=a&signature=b", "/files/a?signature=***&signature=***"],
  ["/x?X-Amz-Signature=abc&X-Amz-Credential=k&v=1", "/x?X-Amz-Signature=***&X-Amz-Credential=***&v=1"],
  ["/x?sv=1&sig=abc", "/x?sv=1&sig=***"],
  ["/x?token=abc", "/x?token=***"],
  ["/signature=abc?v=1", "/signature=abc?v=1"],
  ["/x", "/x"],
])("%s", (url, expected) => {
  expect(withoutSignature(url)).toBe(expected);
});
