import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";

/** The page's own files. They are published as they are in the sources, so nothing has to build them. */
const ownFolder = new URL("../../../src/app/page/assets/", import.meta.url);
/** The browser client, which the page uses as every other page may. */
const clientFolder = new URL("../../storage/browser/", import.meta.url);

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** A file that the page needs. */
export interface PageAsset {
  /** Below the path of the assets. */
  readonly name: string;
  readonly type: string;
  readonly text: string;
}

/** The document of the page, with `{{names}}` to fill in. */
export async function readDocument(): Promise<string> {
  return readFile(new URL("page.html", ownFolder), "utf8");
}

/** Everything that the document asks for. */
export async function readAssets(): Promise<readonly PageAsset[]> {
  return [...(await assetsIn(ownFolder, "")), ...(await assetsIn(clientFolder, "browser/"))];
}

async function assetsIn(folder: URL, path: string): Promise<PageAsset[]> {
  const names = (await readdir(folder)).filter((name) => extname(name) in types);
  return Promise.all(
    names.map(async (name) => ({
      name: `${path}${name}`,
      type: types[extname(name)] ?? "",
      text: await readFile(new URL(name, folder), "utf8"),
    })),
  );
}
