import type { SignOptions } from "../../contract/backend.js";
import { refusal } from "../../contract/service-error.js";
import type { ResourceType } from "./public-id.js";

type Transform = NonNullable<SignOptions["transform"]>;

const crops: Readonly<Record<NonNullable<Transform["fit"]>, string>> = {
  cover: "c_fill",
  contain: "c_pad",
  fill: "c_scale",
  inside: "c_limit",
};
const formats: Readonly<Record<string, ReadonlySet<string>>> = {
  image: new Set(["auto", "avif", "gif", "jpeg", "png", "webp"]),
  video: new Set(["auto", "gif", "jpeg", "mp4", "png", "webm", "webp"]),
};

/**
 * A transform in Cloudinary's own words, in alphabetical order as its documentation writes them: the best format
 * and quality for the reader unless others were asked for.
 *
 * @throws ServiceError for a format that Cloudinary cannot make of it.
 */
export function transformationOf(resourceType: ResourceType, transform: Transform): string {
  const { width, height, fit = "inside", format = "auto", quality = "auto" } = transform;
  if (formats[resourceType]?.has(format) !== true) {
    throw refusal("invalid_argument", `Cloudinary makes no ${format} of this ${resourceType}`);
  }
  const box = [
    ...(width === undefined && height === undefined ? [] : [crops[fit]]),
    ...(height === undefined ? [] : [`h_${height}`]),
    ...(width === undefined ? [] : [`w_${width}`]),
  ];
  const delivery = [`f_${format === "jpeg" ? "jpg" : format}`, `q_${quality}`];
  return [box.join(","), delivery.join(",")].filter((component) => component !== "").join("/");
}
