import type { Capabilities, PutOptions, Storage } from "svc-infra/storage";
import { describe, expectTypeOf, it } from "vitest";

type Able = Capabilities & { readonly ifAbsent: true; readonly signPut: true };
type Unable = Capabilities & {
  readonly ifAbsent: false;
  readonly ifMatch: false;
  readonly signPut: false;
  readonly multipart: false;
  readonly conditionalComplete: false;
};

describe("a call that the backend's type denies does not compile", () => {
  it("for the conditions of a put", () => {
    expectTypeOf<PutOptions<Able>["ifAbsent"]>().toEqualTypeOf<boolean | undefined>();
    expectTypeOf<PutOptions<Unable>["ifAbsent"]>().toEqualTypeOf<undefined>();
    expectTypeOf<PutOptions["ifMatch"]>().toEqualTypeOf<string | undefined>();
  });

  it("for upload URLs and multipart uploads", () => {
    const unable = {} as Storage<Unable>;
    const able = {} as Storage<Able>;
    // @ts-expect-error the capability `signPut` is false
    expectTypeOf(() => unable.getUploadUrl("a", { contentType: "a/b" })).toBeFunction();
    // @ts-expect-error the capability `multipart` is false
    expectTypeOf(() => unable.createUpload("a")).toBeFunction();
    expectTypeOf(() => able.getUploadUrl("a", { contentType: "a/b" })).returns.resolves.toBeString();
    expectTypeOf(() => unable.getUrl("a")).returns.resolves.toBeString();
  });
});
