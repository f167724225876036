export { type UploadedFile, type UploadOptions, type UploadProgress, upload } from "./upload.js";
export { UploadError } from "./upload-error.js";
