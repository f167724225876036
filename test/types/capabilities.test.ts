import type { Capabilities, PutOptions, Storage, Transform, UrlOptions } from "svc-infra/storage";
import type { AzureBackend } from "svc-infra/storage/azure";
import type { CloudinaryBackend } from "svc-infra/storage/cloudinary";
import type { GcsBackend } from "svc-infra/storage/gcs";
import type { LocalBackend } from "svc-infra/storage/local";
import type { MemoryBackend } from "svc-infra/storage/memory";
import type { S3Backend } from "svc-infra/storage/s3";
import { describe, expectTypeOf, it } from "vitest";

type Able = Capabilities & { readonly ifAbsent: true; readonly signPut: true; readonly transform: true };
type Unable = Capabilities & {
  readonly ifAbsent: false;
  readonly ifMatch: false;
  readonly signPut: false;
  readonly multipart: false;
  readonly conditionalComplete: false;
  readonly transform: false;
};

/** What the URLs of a backend may ask for. */
type TransformOf<B extends { readonly capabilities: Capabilities }> = UrlOptions<
  B["capabilities"]
>["transform"];

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

  it("for transforms of a URL", () => {
    const unable = {} as Storage<Unable>;
    const able = {} as Storage<Able>;
    // @ts-expect-error the capability `transform` is false
    expectTypeOf(() => unable.getUrl("a", { transform: { width: 1 } })).toBeFunction();
    // @ts-expect-error no such fit
    expectTypeOf(() => able.getUrl("a", { transform: { fit: "crop" } })).toBeFunction();
    expectTypeOf(() => able.getUrl("a", { transform: { width: 1 } })).returns.resolves.toBeString();
    expectTypeOf<UrlOptions<Able>["transform"]>().toEqualTypeOf<Transform | undefined>();
    expectTypeOf<TransformOf<CloudinaryBackend>>().toEqualTypeOf<Transform | undefined>();
    expectTypeOf<TransformOf<MemoryBackend>>().toEqualTypeOf<undefined>();
    expectTypeOf<TransformOf<LocalBackend>>().toEqualTypeOf<undefined>();
    expectTypeOf<TransformOf<S3Backend>>().toEqualTypeOf<undefined>();
    expectTypeOf<TransformOf<GcsBackend>>().toEqualTypeOf<undefined>();
    expectTypeOf<TransformOf<AzureBackend>>().toEqualTypeOf<undefined>();
  });
});
