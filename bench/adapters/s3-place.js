/** Where and by whom; the stub believes everybody. */
export const bucket = "bench";
export const region = "us-east-1";
export const accessKeyId = "AKIAIOSFODNN7EXAMPLE";
export const secretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
export const contentType = "application/octet-stream";
