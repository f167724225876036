import { loadSdk as load } from "../../contract/load-sdk.js";

/** What this backend takes from the official SDK: its signatures and its delivery URLs. */
export type CloudinarySdk = typeof import("cloudinary")["v2"];

/** Loading it reads CLOUDINARY_URL even where options are given, and fails when that is malformed. */
export async function loadSdk(): Promise<CloudinarySdk> {
  const { v2 } = await load({
    backend: "cloudinary",
    name: "cloudinary",
    load: () => import("cloudinary"),
    brokenMessage: "the package cloudinary cannot be loaded; look at CLOUDINARY_URL",
  });
  return v2;
}
