/**
 * @typedef {object} Attempt - one request that a page makes.
 * @property {string} method
 * @property {string} path
 */

/**
 * @typedef {object} Loot - what a page got hold of.
 * @property {number} tried
 * @property {string[]} read - answers with content that the page could read, refusals left out.
 * @property {unknown} leak - what a script of the service told the page.
 */

/**
 * Runs in a browser: tries each request in every way that a page has, with and without CORS, as a form, a script and a
 * picture. It must stand alone, as the browser gets nothing but its text.
 *
 * @param {{ base: string, attempts: readonly Attempt[] }} target
 * @returns {Promise<Loot>}
 */
export async function attack({ base, attempts }) {
  const read = [];
  let tried = 0;

  async function ask(path, init) {
    tried++;
    try {
      const answer = await fetch(base + path, { ...init, credentials: "include" });
      const text = await answer.text();
      if (answer.ok) read.push(`${init.method} ${init.mode} ${path}: ${text.slice(0, 200)}`);
    } catch {
      // The browser or the service refused.
    }
  }

  function loaded(element) {
    tried++;
    return new Promise((resolve) => {
      for (const event of ["load", "error"]) element.addEventListener(event, resolve);
      setTimeout(resolve, 3000);
      if (!element.isConnected) document.body.append(element);
    });
  }

  /** A form needs no permission to be sent, and its answer lands in a frame that the page may not read. */
  function submit(path) {
    const [frame, form, field] = ["iframe", "form", "textarea"].map((name) => document.createElement(name));
    frame.name = `frame-${tried}`;
    Object.assign(form, { method: "POST", action: base + path, target: frame.name });
    form.enctype = "multipart/form-data";
    Object.assign(field, { name: "file", value: "sent by a form" });
    form.append(field);
    document.body.append(frame, form);
    const answered = loaded(frame);
    form.submit();
    return answered;
  }

  async function change({ method, path }) {
    for (const body of ["sent by a page", JSON.stringify({ key: "kept.txt" })]) {
      await ask(path, { method, mode: "cors", body });
      await ask(path, { method, mode: "cors", body, headers: { "content-type": "application/json" } });
      await ask(path, { method: "POST", mode: "no-cors", body });
    }
  }

  const changed = attempts.filter(({ method }) => method !== "GET" && method !== "HEAD");
  await Promise.all(changed.map(({ path }) => submit(path.replace("new.txt", "by-form.txt"))));
  for (const { method, path } of attempts) {
    const isRead = method === "GET" || method === "HEAD";
    if (!isRead) await change({ method, path });
    for (const mode of isRead ? ["cors", "no-cors", "same-origin"] : []) await ask(path, { method, mode });
  }
  const [script, picture] = ["script", "img"].map((name) => document.createElement(name));
  script.src = `${base}/_storage/download/kept.js`;
  await loaded(script);
  picture.src = `${base}/_storage/download/kept.js`;
  await loaded(picture);
  return { tried, read, leak: window.leak };
}
