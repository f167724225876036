/** Smallest part but for the last. */
export const minPartBytes = 5_242_880;
/** Largest part, and largest object that is written or copied at once: 5 GiB. */
export const maxAtOnceBytes = 5_368_709_120;
/** Largest object: 5 TiB. */
export const maxObjectBytes = 5_497_558_138_880;
