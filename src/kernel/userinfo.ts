/**
 * Text that may be a URL, without user and password. All before the last `@` is masked: in what is no URL after all, a password may
 * have any characters.
 */
export function withoutUserinfo(text: string): string {
  return text.replace(/\/\/.*@/s, "//***@");
}
