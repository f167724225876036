/**
 * The first 80 characters of foreign text in a form fit for messages and terminals: in quotes, with controls and
 * marks that turn text around escaped (JSON itself escapes only the first 32).
 */
export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80)).replace(/\p{C}/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
}
