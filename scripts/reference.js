import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const at = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const page = at("docs/reference/storage.md");

/** Classes whose members the page has one by one. */
const classNames = ["Storage", "TenantStorage", "MultipartUpload", "FileBody", "UrlSigner", "RetryBudget"];

/** Interfaces that are given in calls. */
const givenNames = /(?:Options|Rules|Limits)$|^Transform$/;

/** What the package exports below `svc-infra/storage`. @returns {readonly string[]} */
function storageEntries() {
  const { exports } = JSON.parse(readFileSync(at("package.json"), "utf8"));
  return Object.keys(exports)
    .filter((name) => /^\.\/storage(?:\/|$)/.test(name))
    .map((name) => at(exports[name].types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts")));
}

/** @typedef {{ readonly name: string, readonly symbol: ts.Symbol }} Named */

/** What is exported, read by the compiler. */
class Reference {
  /** @type {ts.TypeChecker} */
  #checker;
  /** @type {readonly Named[]} */
  #exports;
  /** Members that have no TSDoc, or lack what their kind must have. @type {string[]} */
  faults = [];

  constructor() {
    const { config } = ts.readConfigFile(at("tsconfig.build.json"), (path) => readFileSync(path, "utf8"));
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, at("."));
    const entries = [
      ...storageEntries(),
      at("src/storage/easy-storage.ts"),
      at("src/storage/fastify/index.ts"),
      at("src/storage/content/file-body.ts"),
    ];
    const program = ts.createProgram(entries, options);
    this.#checker = program.getTypeChecker();
    const found = entries.flatMap((entry) => this.#exportsOf(program.getSourceFile(entry)));
    this.#exports = found.filter(
      (each, index) => found.findIndex(({ symbol }) => symbol === each.symbol) === index,
    );
  }

  /** The whole page. */
  text() {
    const classes = classNames.map((name) => this.#classText(name));
    return `${[introduction, ...classes, this.#functionsText(), this.#optionsText(), this.#settingsText()].join("\n")}`;
  }

  /** @param {ts.SourceFile | undefined} file @returns {readonly Named[]} */
  #exportsOf(file) {
    const module = file && this.#checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error("an entry has no exports");
    return this.#checker.getExportsOfModule(module).map((symbol) => {
      const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
      return { name: symbol.name, symbol: isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol };
    });
  }

  /** @param {string} name */
  #exported(name) {
    const found = this.#exports.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no export ${name}`);
    return found.symbol;
  }

  /** @param {string} name */
  #classText(name) {
    const symbol = this.#exported(name);
    const members = this.#checker.getPropertiesOfType(this.#checker.getDeclaredTypeOfSymbol(symbol));
    const inherited = name === "TenantStorage" ? new Set(this.#memberNames("StorageFiles")) : new Set();
    const own = members.filter((each) => isPublic(each) && !inherited.has(each.name)).sort(byName);
    const rest =
      inherited.size > 0
        ? [
            "Beside this it has what `Storage` has but `backend`, `options`, `with`, `forTenant` and `close`.",
            "",
          ]
        : [];
    return [
      `## ${name}`,
      "",
      this.#summary(symbol, name),
      "",
      ...own.flatMap((each) => this.#member(name, each)),
      ...rest,
    ].join("\n");
  }

  /** @param {string} name */
  #memberNames(name) {
    const type = this.#checker.getDeclaredTypeOfSymbol(this.#exported(name));
    return this.#checker.getPropertiesOfType(type).map((each) => each.name);
  }

  /** @param {string} owner @param {ts.Symbol} symbol @returns {readonly string[]} */
  #member(owner, symbol) {
    const name = `${owner}.${nameOf(symbol)}`;
    const tags = symbol.getJsDocTags(this.#checker);
    const isMethod = (symbol.flags & ts.SymbolFlags.Method) !== 0;
    if (
      isMethod &&
      owner === "Storage" &&
      !symbol.name.startsWith("__") &&
      !tags.some((tag) => tag.name === "example")
    )
      this.faults.push(`${name} has no @example`);
    return [`### \`${headOf(symbol)}\``, "", this.#summary(symbol, name), "", ...tagsText(tags)];
  }

  /** @param {ts.Symbol} symbol @param {string} name */
  #summary(symbol, name) {
    const text = plain(ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)));
    if (text === "") this.faults.push(`${name} has no TSDoc`);
    return text;
  }

  #functionsText() {
    const functions = this.#exports
      .filter(({ symbol }) => this.#isFunction(symbol))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const blocks = functions.map(({ name, symbol }) => {
      const thrown = tagsText(symbol.getJsDocTags(this.#checker).filter(({ name: tag }) => tag === "throws"));
      return [`### \`${headOf(symbol)}\``, "", this.#summary(symbol, name), "", ...thrown].join("\n");
    });
    return ["## Functions and layers", "", ...blocks].join("\n");
  }

  /** A plugin is a constant that is called. @param {ts.Symbol} symbol */
  #isFunction(symbol) {
    if ((symbol.flags & ts.SymbolFlags.Function) !== 0) return true;
    const isVariable = (symbol.flags & ts.SymbolFlags.Variable) !== 0;
    return isVariable && this.#checker.getTypeOfSymbol(symbol).getCallSignatures().length > 0;
  }

  #optionsText() {
    const options = this.#exports
      .filter(({ name, symbol }) => givenNames.test(name) && (symbol.flags & ts.SymbolFlags.Interface) !== 0)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const blocks = options.map(({ name, symbol }) => {
      const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
      return [
        `### ${name}`,
        "",
        this.#summary(symbol, name),
        "",
        ...this.#rows(name, this.#checker.getPropertiesOfType(type)),
        "",
      ].join("\n");
    });
    return ["## Options", "", ...blocks].join("\n");
  }

  /** Each setting of `easyStorage`, with what an editor shows of it. */
  #settingsText() {
    const [first] = this.#exported("easyStorage").getDeclarations() ?? [];
    if (first === undefined || !ts.isFunctionDeclaration(first))
      throw new Error("easyStorage is no function");
    const [options] = first.parameters;
    if (options === undefined) throw new Error("easyStorage has no options");
    const type = this.#checker.getTypeAtLocation(options);
    const kinds = type.isUnion() ? type.types : [type];
    const common = new Set(["backend", ...this.#commonNames(kinds)]);
    const blocks = kinds.flatMap((kind) => {
      const backend = kind.getProperty("backend");
      const literal = backend && this.#checker.getTypeOfSymbol(backend);
      if (literal === undefined || !literal.isStringLiteral()) return [];
      const own = this.#checker.getPropertiesOfType(kind).filter(({ name }) => !common.has(name));
      return [`### easyStorage({ backend: "${literal.value}" })`, "", ...this.#rows(literal.value, own), ""];
    });
    const [any] = kinds;
    const shared =
      any === undefined ? [] : this.#checker.getPropertiesOfType(any).filter(({ name }) => common.has(name));
    return [
      "## Settings",
      "",
      "### easyStorage",
      "",
      ...this.#rows("easyStorage", shared),
      "",
      ...blocks,
    ].join("\n");
  }

  /** @param {readonly ts.Type[]} kinds */
  #commonNames(kinds) {
    const names = kinds.map((kind) => this.#checker.getPropertiesOfType(kind).map(({ name }) => name));
    return (names[0] ?? []).filter((name) => names.every((each) => each.includes(name)));
  }

  /** @param {string} owner @param {readonly ts.Symbol[]} properties */
  #rows(owner, properties) {
    const rows = [...properties]
      .filter(isPublic)
      .sort(byName)
      .map((each) => {
        const text = this.#summary(each, `${owner}.${each.name}`)
          .replaceAll("\n", " ")
          .replaceAll("|", "\\|");
        return `| \`${each.name}\` | ${text} |`;
      });
    return ["| option | what it is |", "|---|---|", ...rows];
  }
}

/** @param {ts.Symbol} symbol */
function isPublic(symbol) {
  const [declaration] = symbol.getDeclarations() ?? [];
  if (/^(?:__)?#/.test(symbol.name)) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return declaration === undefined || (ts.getCombinedModifierFlags(declaration) & hidden) === 0;
}

/** @param {ts.Symbol} symbol */
function nameOf(symbol) {
  const known = /^__@(\w+)@/.exec(symbol.name)?.[1];
  return known === undefined ? symbol.name : `[Symbol.${known}]`;
}

/** A call as it is written, or the name of a property. @param {ts.Symbol} symbol */
function headOf(symbol) {
  const declaration = symbol.getDeclarations()?.[0];
  if (
    declaration === undefined ||
    !(ts.isMethodDeclaration(declaration) || ts.isFunctionDeclaration(declaration))
  )
    return nameOf(symbol);
  const parameters = declaration.parameters
    .filter(({ name }) => name.getText() !== "this")
    .map(({ name, questionToken, initializer, dotDotDotToken }) => {
      const isOptional = questionToken !== undefined || initializer !== undefined;
      const text = ts.isIdentifier(name) ? name.text : "options";
      return `${dotDotDotToken === undefined ? "" : "..."}${text}${isOptional ? "?" : ""}`;
    });
  return `${nameOf(symbol)}(${parameters.join(", ")})`;
}

/** @param {readonly ts.JSDocTagInfo[]} tags @returns {readonly string[]} */
function tagsText(tags) {
  const lines = tags.flatMap(({ name, text: parts }) => {
    const text = plain(ts.displayPartsToString(parts));
    if (name === "param") return [`- \`${text.replace(/^(\w+) -? ?/, "$1`: ")}`];
    if (name === "returns") return [`- Answers ${text}`];
    if (name === "throws") return [`- Throws ${text}`];
    return [];
  });
  const examples = tags
    .filter(({ name }) => name === "example")
    .flatMap(({ text }) => ["```ts", ts.displayPartsToString(text).trim(), "```", ""]);
  return [...lines, ...(lines.length > 0 ? [""] : []), ...examples];
}

/** @param {string} text */
function plain(text) {
  return text.replace(/\{@link ([\w.]+)(?: [^}]*)?\}/g, "`$1`").trim();
}

/** @param {ts.Symbol} a @param {ts.Symbol} b */
function byName(a, b) {
  return nameOf(a) < nameOf(b) ? -1 : 1;
}

const introduction = `# Storage: every method and option

Made from the TSDoc of the source by \`node scripts/reference.js\`; a test keeps it true and complete, and compiles every
example. Errors are in [errors.md](../errors.md), variables in [configuration.md](../configuration.md).
`;

/** The page, and what the TSDoc lacks. */
export function storageReference() {
  const reference = new Reference();
  return { text: reference.text(), faults: reference.faults };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, storageReference().text);
