// @ts-check
import { UploadError, upload } from "./browser/index.js";

const { storage: endpoint = "", access = "", maxBytes = "" } = document.body.dataset;
/** As many of the last files are shown. */
const shownFiles = 12;
/** As many keys a list answers at most. */
const listedKeys = 1000;
/** A link holds for an hour. All are asked for again when this time is over. */
const linksHoldMs = 30 * 60_000;

/** @type {Record<string, string>} */
let headers = {};
/** What was uploaded here: the list does not reach all keys of a large storage. @type {Set<string>} */
const uploadedKeys = new Set();
/** What is shown already, by key and date. @type {Map<string, HTMLLIElement>} */
let shown = new Map();
/** When the oldest of the links that are shown was asked for. */
let linkedAt = Date.now();

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{ new(): T }} type
 * @returns {T}
 */
function byId(id, type) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new TypeError(`there is no ${id}`);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** @param {number} bytes */
function sizeText(bytes) {
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  const units = ["kB", "MB", "GB"];
  const step = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  return `${new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format(bytes / 1000 ** step)} ${units[step - 1]}`;
}

const dateText = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof DOMException && error.name === "AbortError")
    return "Cancelled; nothing of it was kept.";
  return error instanceof Error ? error.message : String(error);
}

// Uploads

const uploads = byId("uploads", HTMLUListElement);

/** @param {Iterable<File>} files */
async function uploadAll(files) {
  for (const file of files) await uploadOne(file);
}

/** @param {File} file */
async function uploadOne(file) {
  const controller = new AbortController();
  const progress = make("progress", {
    max: Math.max(file.size, 1),
    value: 0,
    ariaLabel: `Upload of ${file.name}`,
  });
  const cancel = make(
    "button",
    { type: "button", className: "plain", ariaLabel: `Cancel ${file.name}` },
    "Cancel",
  );
  cancel.addEventListener("click", () => controller.abort());
  const row = make("li", {}, make("span", { className: "name", textContent: file.name }), cancel, progress);
  uploads.prepend(row);
  try {
    if (file.size > Number(maxBytes)) throw new Error(tooLarge(file));
    const stored = await upload(file, {
      endpoint,
      headers,
      signal: controller.signal,
      onProgress: ({ sent }) => {
        progress.value = sent;
      },
    });
    // The last one stands last, also when the key was there before.
    uploadedKeys.delete(stored.key);
    uploadedKeys.add(stored.key);
    end(row, [sizeText(stored.size)], make("p", { className: "done" }, `Stored as ${stored.key}`));
    await showFiles();
  } catch (error) {
    end(row, ["Not stored"], make("p", { className: "reason" }, reasonOf(error)));
  }
}

/** @param {File} file */
function tooLarge({ size }) {
  return `It has ${sizeText(size)}, and this service takes ${sizeText(Number(maxBytes))} at most.`;
}

/**
 * @param {HTMLLIElement} row
 * @param {string[]} facts
 * @param {Node} outcome
 */
function end(row, facts, outcome) {
  row.querySelector("progress")?.remove();
  row.querySelector("button")?.replaceWith(make("span", { className: "quiet" }, ...facts));
  row.append(outcome);
}

function takeFiles() {
  const input = byId("file", HTMLInputElement);
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = "";
    void uploadAll(files);
  });
  const drop = byId("drop", HTMLDivElement);
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    });
  }
  drop.addEventListener("drop", ({ dataTransfer }) => void uploadAll([...(dataTransfer?.files ?? [])]));
}

// Files

/** @typedef {{ key: string, size: number, lastModified: string }} Item */

/**
 * @param {string} path
 * @param {RequestInit} [request]
 */
async function ask(path, request = {}) {
  const response = await fetch(`${endpoint}${path}`, {
    ...request,
    headers: { ...request.headers, ...headers },
  });
  const answer = await response.json();
  if (response.ok) return answer;
  throw new UploadError(answer.detail ?? answer.title, { status: response.status, code: answer.code });
}

async function showFiles() {
  /** @type {{ items: Item[], cursor: string | null }} */
  const { items, cursor } = await ask(`/list?details=true&limit=${listedKeys}`);
  const beyond = cursor === null ? [] : await uploadedBeyond(items.at(-1)?.key ?? "");
  const last = [...items, ...beyond]
    .toSorted((a, b) => b.lastModified.localeCompare(a.lastModified))
    .slice(0, shownFiles);
  const next = new Map();
  for (const item of last) {
    const id = `${item.key} ${item.lastModified}`;
    next.set(id, shown.get(id) ?? (await describe(item)));
  }
  shown = next;
  byId("files", HTMLUListElement).replaceChildren(...shown.values());
  byId("state", HTMLParagraphElement).textContent = stateOf(last.length, items.length, cursor === null);
}

/**
 * What was uploaded here and lies behind the last key of the list, if it is still there.
 *
 * @param {string} lastKey
 * @returns {Promise<Item[]>}
 */
async function uploadedBeyond(lastKey) {
  const keys = [...uploadedKeys].filter((key) => key > lastKey).slice(-shownFiles);
  const asked = keys.map((key) => {
    const path = key.split("/").map(encodeURIComponent).join("/");
    return ask(`/metadata/${path}`).catch(() => undefined);
  });
  return (await Promise.all(asked)).filter((item) => item !== undefined);
}

/**
 * @param {number} shownCount
 * @param {number} listedCount
 * @param {boolean} isAll - whether the list has all files.
 */
function stateOf(shownCount, listedCount, isAll) {
  if (listedCount === 0) return "None yet.";
  if (!isAll)
    return `More than ${listedCount} files: the newest of the first ${listedCount}, and your uploads`;
  return `${shownCount} of ${listedCount} ${listedCount === 1 ? "file" : "files"}, the newest first`;
}

/** @param {Item} item */
async function describe({ key, size, lastModified }) {
  const { url } = await ask("/sign", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key }),
  });
  const when = make("time", { dateTime: lastModified }, dateText.format(new Date(lastModified)));
  const copy = make(
    "button",
    { type: "button", className: "plain", ariaLabel: `Copy the link to ${key}` },
    "Copy link",
  );
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(url);
    copy.textContent = "Copied";
  });
  const about = make("div", { className: "about" });
  about.append(link(url, key), make("p", { className: "quiet" }, `${sizeText(size)}, `, when), copy);
  const preview = link(url, "");
  preview.className = "preview";
  // The name below leads to the same place.
  preview.tabIndex = -1;
  preview.ariaHidden = "true";
  preview.append(picture(key, url));
  return make("li", {}, preview, about);
}

/**
 * @param {string} url
 * @param {string} text
 */
function link(url, text) {
  return make("a", { href: url, target: "_blank", rel: "noopener", title: text, textContent: text });
}

/**
 * @param {string} key
 * @param {string} url
 */
function picture(key, url) {
  const ending = /\.([a-z0-9]{1,5})$/i.exec(key)?.[1]?.toLowerCase() ?? "file";
  if (/^(?:png|jpe?g|gif|webp|avif)$/.test(ending))
    return make("img", { src: url, alt: "", loading: "lazy" });
  if (/^(?:mp4|webm)$/.test(ending)) return make("video", { src: url, muted: true, preload: "metadata" });
  return make("span", {}, `.${ending}`);
}

// Access

/** @param {SubmitEvent} event */
async function useToken(event) {
  event.preventDefault();
  headers = { authorization: `Bearer ${byId("token", HTMLInputElement).value}` };
  const refusal = byId("token-refusal", HTMLParagraphElement);
  try {
    refusal.textContent = "";
    await showFiles();
    byId("token-form", HTMLFormElement).hidden = true;
    byId("work", HTMLElement).hidden = false;
    byId("file", HTMLInputElement).focus();
  } catch (error) {
    headers = {};
    refusal.textContent = reasonOf(error);
  }
}

/** By the clock, which goes on while the computer sleeps. */
async function renewLinks() {
  const now = Date.now();
  if (byId("work", HTMLElement).hidden || now - linkedAt < linksHoldMs) return;
  shown = new Map();
  try {
    await showFiles();
    linkedAt = now;
  } catch (error) {
    showFault(error);
  }
}

/** @param {unknown} error */
function showFault(error) {
  byId("state", HTMLParagraphElement).textContent = reasonOf(error);
}

async function start() {
  document.documentElement.classList.add("scripted");
  takeFiles();
  setInterval(renewLinks, 60_000);
  if (access === "open") return showFiles();
  const form = byId("token-form", HTMLFormElement);
  form.hidden = false;
  byId("work", HTMLElement).hidden = true;
  form.addEventListener("submit", useToken);
}

start().catch(showFault);
