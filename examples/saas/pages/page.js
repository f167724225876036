import { upload } from "/browser/index.js";

let attempt = crypto.randomUUID();

function byId(id) {
  return document.getElementById(id);
}

function tell(text) {
  byId("message").textContent = text;
}

/** Calls the service; a refusal is an error with the reason that it tells. */
async function call(method, path, body) {
  const content = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...(body === undefined ? {} : content) });
  const text = await response.text();
  const answer = text === "" ? undefined : JSON.parse(text);
  if (!response.ok) throw new Error(answer?.detail ?? `the service answered ${response.status}`);
  return answer;
}

/** Does the work of a form when it is sent, and says what went wrong. */
function onSend(id, work) {
  const form = byId(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      tell("");
      await work(Object.fromEntries(new FormData(form)));
      form.reset();
      await show();
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  });
}

onSend("sign-up", async (data) => {
  await call("POST", "/auth/sign-up/email", { ...data, callbackURL: "/" });
  tell("A link was sent to you. Open it, then sign in.");
});

onSend("sign-in", (data) => call("POST", "/auth/sign-in/email", data));

onSend("organisation", ({ name }) => {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return call("POST", "/auth/organization/create", { name, slug });
});

onSend("upload", async ({ file }) => {
  const progress = byId("progress");
  await upload(file, {
    endpoint: "/_storage",
    onProgress: ({ sent, total }) => Object.assign(progress, { value: sent, max: total }),
  });
  tell(`${file.name} was uploaded.`);
});

onSend("subscribe", async ({ url }) => {
  const added = await call("POST", "/_webhooks/subscriptions", { url, events: ["document.ready"] });
  byId("secret").textContent = added.secret;
});

onSend("upgrade", async () => {
  const { url } = await call("POST", "/upgrade", { attempt }).finally(() => {
    attempt = crypto.randomUUID();
  });
  location.assign(url);
});

onSend("erase", async () => {
  if (!confirm("Erase your account, with all documents?")) return;
  await call("DELETE", "/auth/account");
  tell("Your account is erased.");
});

/** Fills a list; what stands in it came from people, so it is text and never markup. */
function list(id, items) {
  const rows = items.map((parts) => {
    const row = document.createElement("li");
    row.append(...parts);
    return row;
  });
  byId(id).replaceChildren(...rows);
}

function linkTo({ name, url }) {
  return Object.assign(document.createElement("a"), { href: url, textContent: name });
}

function picture(src) {
  return Object.assign(document.createElement("img"), { src, alt: "" });
}

function button(label, work) {
  const made = Object.assign(document.createElement("button"), { textContent: label });
  made.addEventListener("click", () => work().then(show, (error) => tell(error.message)));
  return made;
}

function prove(id) {
  return button("Prove", () => call("POST", `/_webhooks/subscriptions/${id}/prove`));
}

function remove(name) {
  return button("Delete", () => call("DELETE", `/_storage/files/${encodeURIComponent(name)}`));
}

async function showInside() {
  const [documents, { subscriptions }, { deliveries }] = await Promise.all([
    call("GET", "/documents"),
    call("GET", "/_webhooks/subscriptions"),
    call("GET", "/_webhooks/deliveries"),
  ]);
  list(
    "documents",
    documents.map((each) => [
      ...(each.preview ? [picture(each.preview)] : []),
      linkTo(each),
      remove(each.name),
    ]),
  );
  list(
    "subscriptions",
    subscriptions.map(({ id, url, provedAt }) => [url, provedAt === null ? prove(id) : "proved"]),
  );
  list(
    "deliveries",
    deliveries.map(({ eventType, state, tries }) => [`${eventType}: ${state} after ${tries} attempts`]),
  );
}

async function show() {
  const me = await call("GET", "/me");
  byId("outside").hidden = me.email !== undefined;
  byId("alone").hidden = me.email === undefined || me.tenant !== undefined;
  byId("inside").hidden = me.tenant === undefined;
  if (me.tenant === undefined) return;
  byId("email").textContent = me.email;
  byId("plan").textContent = me.plan;
  byId("upgrade").hidden = me.plan === "pro";
  byId("limit").textContent = `${me.maxBytes / 1e6} MB`;
  await showInside();
}

/** What jobs do meanwhile shows up by itself. */
async function watch() {
  if (!byId("inside").hidden) await showInside().catch(() => undefined);
  setTimeout(watch, 1000);
}

await show();
await watch();
