import { escapeHtml } from "../../kernel/index.js";

/** Markup that is put into a document unescaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Fills `{{name}}` places with text, of which nothing is read as markup. */
export function fillDocument(document: string, values: Readonly<Record<string, string | Markup>>): string {
  return document.replace(/\{\{([A-Za-z]+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new TypeError(`the document asks for '${name}'`);
    return value instanceof Markup ? value.text : escapeHtml(value);
  });
}
