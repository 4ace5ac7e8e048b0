// The script of all pages: confirmation dialogs, live updates, running times, and one key. Without it everything
// works too, by links and forms.
"use strict";

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
const toasts = document.getElementById("toasts");
const live = document.getElementById("live");

// htmx logs a request that a newer one replaces as an error; while somebody types that is normal.
htmx.logger = (_element, name, detail) => {
  if (name === "htmx:sendAbort" || (name === "htmx:afterRequest" && !detail.xhr.status)) delete detail.error;
};

const NO_ANSWER = "The service does not respond, so the result is unknown: try again.";

// Why a command failed. Our own messages are plain text; anything else comes from a proxy that cannot reach the service.
const problemIn = (xhr) => (xhr.getResponseHeader("Content-Type")?.startsWith("text/plain") ? xhr.responseText : NO_ANSWER);

function toast(text, seconds = 8) {
  const line = document.createElement("p");
  line.textContent = text;
  toasts.append(line);
  setTimeout(() => line.remove(), seconds * 1000);
}

// --- Dialogs: a link to a confirmation page opens it here; its form shows the result beside its button.

let opener = "";

async function open(link) {
  opener = link.id;
  previewing = "";
  body.replaceChildren();
  await htmx.ajax("GET", link.href, { target: body, select: "#confirmation", swap: "innerHTML" });
  if (!body.firstElementChild) return void (location.href = link.href); // signed out, or an outage: the page shows which
  if (!dialog.open) dialog.showModal();
  (body.querySelector("[autofocus], input:checked, #find, #do:enabled") ?? body.querySelector("h1"))?.focus();
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[data-dialog], a[data-close]");
  if (!link || (link.hasAttribute("data-close") && !dialog.contains(link))) return;
  event.preventDefault();
  if (link.hasAttribute("data-close")) dialog.close();
  else if (!dialog.open) open(link);
});

// A closed dialog returns the focus to the element that opened it, by id, since that may have been replaced.
dialog.addEventListener("close", () => {
  body.replaceChildren();
  document.getElementById(opener)?.focus({ preventScroll: true });
});

document.body.addEventListener("flash", (event) => {
  if (dialog.open) dialog.close();
  toast(event.detail.message);
  renew(location.href);
});

// Show the result also when the dialog was closed or the list was filtered before the response arrived: htmx notifies
// only elements that are still on the page.
document.body.addEventListener("htmx:beforeSend", ({ detail: { xhr, requestConfig } }) => {
  if (requestConfig.verb === "get") return;
  requestConfig.elt.querySelector(".problem")?.replaceChildren();
  xhr.addEventListener("loadend", () => {
    if (requestConfig.elt.isConnected) return;
    const { flash } = JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}");
    if (flash) toast(flash.message);
    else toast(problemIn(xhr), 60);
    renew(location.href);
  });
});

// The button deploys the highlighted tag, and no other one. Responses may be late: only the preview of that tag is
// shown, and a tag that was chosen while the list was loading stays chosen. `previewing` is the tag of the last preview.
const chosen = () => document.querySelector("#tags input:checked")?.value ?? "";
const tagOf = ({ path, parameters }) => new URL(path, location.href).searchParams.get("tag") ?? parameters.tag ?? "";
let previewing = document.querySelector("#act [name=tag]")?.value ?? "";

document.body.addEventListener("htmx:beforeRequest", ({ detail: { target, requestConfig } }) => {
  if (target.id === "preview") previewing = tagOf(requestConfig);
});

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target.id === "preview") {
    const noList = !document.querySelector("#tags input") && !document.getElementById("find").value.trim();
    if (!noList && tagOf(requestConfig) !== chosen()) event.detail.shouldSwap = false;
  }
  if (target.id !== "tags") return;
  const kept = chosen() !== tagOf(requestConfig) && chosen();
  setTimeout(() => {
    const input = kept && [...document.querySelectorAll("#tags input")].find((each) => each.value === kept);
    if (input) input.checked = true;
    if (!chosen() || chosen() !== previewing) document.getElementById("tags").dispatchEvent(new Event("change", { bubbles: true }));
  });
});
document.body.addEventListener("change", (event) => {
  const button = event.target.closest("#tags") && document.getElementById("do");
  if (!button) return;
  button.disabled = true;
  button.textContent = chosen() ? `Loading the preview of ${chosen()}…` : "No tag is chosen";
});

// The element for a form's error. A row has no room for one, so it is created when needed.
function problemOf(form) {
  let problem = form.querySelector(".problem");
  if (!problem) {
    problem = document.createElement("p");
    problem.className = "problem";
    problem.setAttribute("role", "alert");
    form.append(problem);
  }
  return problem;
}
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.isError || detail.requestConfig.verb === "get") return;
  detail.target = problemOf(detail.requestConfig.elt);
  detail.serverResponse = problemIn(detail.xhr);
});
document.body.addEventListener("htmx:sendError", ({ detail: { requestConfig } }) => {
  if (requestConfig.verb !== "get") problemOf(requestConfig.elt).textContent = NO_ANSWER;
});

// --- Live updates: elements with data-live are fetched again, and replaced by id where they differ.

const GAP = 250; // ms between two fetches of a page that changes all the time
const RETRY = 1000; // ms until a page that could not be fetched is fetched again
const later = (time) => new Promise((resume) => setTimeout(resume, time));

let pending = new Set();
let deferred = new Set(); // pages with a part that was in use
let fetching = null; // aborts the request that is under way
let busy = false;

async function renew(url) {
  pending.add(url);
  if (busy) return;
  busy = true;
  while (pending.size) {
    const [next] = pending;
    pending.delete(next);
    const asked = connection;
    fetching = new AbortController();
    try {
      const signal = AbortSignal.any([fetching.signal, AbortSignal.timeout(15000)]);
      const response = await fetch(next, { headers: { Accept: "text/html" }, signal });
      const page = response.ok && new DOMParser().parseFromString(await response.text(), "text/html");
      if (response.status >= 500) retry(next);
      else if (next !== location.href) pending.add(location.href); // another search was chosen meanwhile
      else {
        if (page && !update(page)) deferred.add(next);
        if (asked === connection) caughtUp();
      }
    } catch {
      retry(next);
    }
    await later(GAP);
  }
  busy = false;
}

// While the stream shows an outage nothing is fetched: its end fetches the page.
function retry(url) {
  setTimeout(() => connection.state === "live" && url === location.href && renew(url), RETRY);
}

// An element is not replaced while a button in it is pressed or a request from it is running: the click or the response
// would be lost. `:active` is no sign of that: after a touch it may stay until the next one.
let pressed = null;
const inUse = (element) => element.contains(pressed) || element.querySelector(".htmx-request");

document.addEventListener("pointerdown", ({ target, button }) => {
  if (!button) pressed = target;
});
document.addEventListener("keydown", ({ target, key }) => {
  if (key === " ") pressed = target; // a button acts on keyup
});
for (const over of ["pointerup", "pointercancel", "dragend", "keyup", "htmx:afterRequest"]) {
  document.addEventListener(over, () => {
    if (over !== "htmx:afterRequest") pressed = null;
    const urls = deferred;
    deferred = new Set();
    if (urls.size) setTimeout(() => urls.forEach(renew));
  });
}

// Returns whether all parts could be replaced.
function update(page) {
  let complete = updateRows(document.getElementById("rows"), page.getElementById("rows"));
  for (const next of page.querySelectorAll("[data-live]")) {
    const now = document.getElementById(next.id);
    if (!now || same(now, next)) continue;
    if (inUse(now)) {
      complete = false;
      continue;
    }
    const focus = now.contains(document.activeElement) ? document.activeElement.id : "";
    const open = new Set([...now.querySelectorAll("details[open][id]")].map((each) => each.id));
    const fresh = document.importNode(next, true);
    for (const each of fresh.querySelectorAll("details[id]")) each.open ||= open.has(each.id);
    now.replaceWith(fresh);
    htmx.process(fresh);
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }
  updateTimes();
  return complete;
}

// The same rows as on the fetched page, so that the counts above agree with them. A row that stays keeps its place.
function updateRows(now, next) {
  const [rows, wanted] = [now, next].map((part) => part?.querySelector("tbody"));
  if (!now || !next || (!rows && !wanted)) return true;
  if (!rows || !wanted) {
    if (inUse(now)) return false;
    const fresh = document.importNode(next, true);
    now.replaceWith(fresh);
    htmx.process(fresh);
    return true;
  }
  let complete = true;
  const kept = new Set([...wanted.children].map((row) => row.id));
  for (const row of [...rows.children]) {
    if (kept.has(row.id)) continue;
    if (inUse(row)) complete = false;
    else row.remove();
  }
  let above = null;
  for (const row of wanted.children) {
    const shown = document.getElementById(row.id);
    const fresh = shown ?? document.importNode(row, true);
    if (!shown) {
      if (above) above.after(fresh);
      else rows.prepend(fresh);
      htmx.process(fresh);
    }
    above = fresh;
  }
  return complete;
}

// Times and errors do not count: this page writes them itself.
function same(now, next) {
  const text = (element) => {
    const copy = element.cloneNode(true);
    for (const problem of copy.querySelectorAll("form[data-direct] > .problem")) problem.remove();
    for (const time of copy.querySelectorAll("time")) time.textContent = "";
    for (const each of copy.querySelectorAll("[class]")) each.classList.remove("htmx-request");
    return copy.outerHTML;
  };
  return text(now) === text(next);
}

document.addEventListener("feed:changed", (event) => {
  const { watches, rollouts, situation, deliveries, everything } = event.detail;
  const follows = JSON.parse(document.getElementById("main").dataset.follows ?? "{}");
  const any = (names, changed) => names && changed.length && (names === true || changed.some((each) => names.includes(each)));
  if (everything || situation || any(follows.watches, watches) || any(follows.rollouts, rollouts) || (follows.deliveries && deliveries)) {
    renew(location.href);
  }
});

// --- Whether this page is current: what the stream says, and after an outage not before the page was fetched again.

let connection = { state: "" };
let behind = false;

const CAUSES = {
  lost: "The service does not answer: check that `registrywatcher web` runs, and the way to it; this page connects again by itself",
};

document.addEventListener("feed:state", (event) => {
  connection = event.detail;
  if (connection.state !== "live") behind = true;
  if (connection.state === "live" && behind) {
    fetching?.abort(); // it may hang since the outage
    renew(location.href);
  } else showState();
});

function caughtUp() {
  if (connection.state === "live") behind = false;
  showState();
}

function showState() {
  if (!connection.state) return;
  const text = behind ? "Not live" : "Live";
  if (live.textContent !== text) live.textContent = text;
  document.documentElement.classList.toggle("stale", behind);
  const banner = document.getElementById("not-current");
  if (behind && connection.state !== "live") {
    const since = new Date(connection.since).toLocaleTimeString();
    const [what, ...why] = (connection.problem || CAUSES[connection.state]).split(": ");
    const title = document.createElement("strong");
    title.textContent = `${what} since ${since}`;
    banner.firstElementChild.replaceChildren(title, `; what you see is as of ${since}. ${why.join(": ")}`);
    document.documentElement.style.setProperty("--as-of", JSON.stringify(` as of ${since}`));
  }
  banner.hidden = !behind;
}

// --- Times: the same texts as the server's, updated every second by the browser's clock.

const UNITS = [["s", 1, 60], ["min", 60, 3600], ["h", 3600, 86400], ["d", 86400, 5184000]];

function updateTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const passed = Math.max(0, Math.floor((Date.now() - new Date(time.dateTime)) / 1000));
    const [unit, length] = UNITS.find(([, , limit]) => passed < limit) ?? ["months", 2592000];
    const { suffix } = time.dataset;
    const text = `${Math.floor(passed / length)} ${unit}${suffix ? ` ${suffix}` : ""}`;
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(updateTimes, 1000);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.closest("input, textarea, select")) return;
  const search = document.querySelector("#text, #repo");
  if (search) event.preventDefault();
  search?.focus();
});
