import type { SettingsSchema } from "../kernel/index.js";

/** The variables of a schema for `--help`: name, what it is for, and what holds when it is not set. */
export function describeVariables(schema: SettingsSchema): string {
  const rows = Object.values(schema);
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows
    .map(({ name, help, default: value, defaultText }) => {
      const held = value ?? defaultText;
      return `  ${name.padEnd(width)}  ${help}${held === undefined ? "" : ` (default: ${held})`}`;
    })
    .join("\n");
}
