import { z } from "zod";
import { type AnyApp, fastifyOf, mountRoutes, type Route, route } from "../../http/index.js";
import { escapeHtml } from "../../kernel/index.js";
import { urlOf } from "../address.js";
import { type Choice, hasDocs } from "../choices.js";
import type { ServiceFacts } from "../service-app.js";
import { fillDocument, Markup } from "./fill-document.js";
import { readAssets, readDocument } from "./page-assets.js";

/** What the page has to know of the storage. */
export interface PageOptions {
  /** Whether the management routes ask for no token; with one the page asks its user for it. */
  readonly isOpen: boolean;
  /** Most bytes of one upload, for the hint beside the form; the service decides. */
  readonly maxUploadBytes: number;
  /** Origins that signed URLs lead to, beside the page's own. */
  readonly fileOrigins: readonly string[];
}

const storagePath = "/_storage";
const assetsPath = "/_page";

/**
 * A page for people at `/`: what the service is made of and why, an upload form, and the last files. It does what its user
 * may do on the management routes, and nothing else; a service whose routes ask for a token lists nothing before it has one.
 *
 * @param app - made by `easyServiceApp`.
 */
export async function addPage(app: AnyApp, options: PageOptions): Promise<void> {
  const fastify = fastifyOf(app);
  const html = fillDocument(await readDocument(), valuesOf(fastify.service, options));
  const headers = { "content-security-policy": policyOf(options), "cache-control": "no-cache" };
  const assets = await readAssets();
  const routes = [
    textRoute("/", "text/html; charset=utf-8", html, headers),
    ...assets.map(({ name, type, text }) => textRoute(`${assetsPath}/${name}`, type, text, headers)),
  ];
  await fastify.register(async (scope) => {
    mountRoutes(scope, routes);
  });
}

function textRoute(path: string, type: string, text: string, headers: Record<string, string>): Route {
  return route({
    method: "GET",
    path,
    summary: "A file of the page for people",
    answers: { 200: { types: [type], schema: z.string() } },
    handle: ({ reply }) => reply.headers(headers).type(type).send(text),
  });
}

/** Nothing but the service's own files is loaded, and files from where they are served. */
function policyOf({ fileOrigins }: PageOptions): string {
  const files = ["'self'", ...fileOrigins].join(" ");
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src ${files}`,
    `media-src ${files}`,
    `connect-src ${files}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
}

function valuesOf(service: ServiceFacts, { isOpen, maxUploadBytes }: PageOptions) {
  const { name, settings, choices } = service;
  const storage = choices.find(({ what }) => what === "storage");
  const secret = isOpen ? "" : '-H "Authorization: Bearer $STORAGE_API_TOKEN" ';
  return {
    name,
    storagePath,
    access: isOpen ? "open" : "token",
    maxBytes: String(maxUploadBytes),
    limit: sizeText(maxUploadBytes),
    backend: storage?.chosen ?? "nothing",
    backendReason: reasonMarkup(storage?.reason ?? "there is no storage"),
    docsLink: new Markup(hasDocs(service) ? '<a href="/docs">API docs</a>' : ""),
    choices: new Markup(choiceRows(choices)),
    command: `curl ${secret}-F file=@photo.jpg ${urlOf(settings)}${storagePath}/upload`,
  };
}

/** The storage first, and all that is off in one row. */
function choiceRows(choices: readonly Choice[]): string {
  const isStorage = ({ what }: Choice) => what === "storage";
  const on = choices.filter(({ chosen }) => chosen !== "off");
  const off = choices.filter(({ chosen }) => chosen === "off").map(({ what }) => what);
  const left: Choice = { what: "off", chosen: off.join(", "), reason: "nothing asks for them" };
  return [
    ...on.filter(isStorage),
    ...on.filter((choice) => !isStorage(choice)),
    ...(off.length === 0 ? [] : [left]),
  ]
    .map(choiceRow)
    .join("\n");
}

function choiceRow({ what, chosen, reason }: Choice): string {
  return `<div><dt>${escapeHtml(what)}</dt><dd>${escapeHtml(chosen)}</dd><dd>${reasonMarkup(reason).text}</dd></div>`;
}

/** Words between backquotes are code. */
function reasonMarkup(reason: string): Markup {
  return new Markup(escapeHtml(reason).replace(/`([^`]+)`/g, "<code>$1</code>"));
}

function sizeText(bytes: number): string {
  const format = { style: "unit", unit: "megabyte", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat("en", format).format(bytes / 1e6);
}
