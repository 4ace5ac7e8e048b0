// What a page does with a script: dialogs in the place of confirmation pages, what changed put in as it changes, times
// that go on, and one key. Without it everything works too, by links and forms.
"use strict";

const dialog = document.getElementById("dialog");
const body = document.getElementById("dialog-body");
const toasts = document.getElementById("toasts");
const live = document.getElementById("live");

// htmx takes a request that a newer one replaces for an error, and tells the console; but to type on is none.
htmx.logger = (_element, name, detail) => {
  if (name === "htmx:sendAbort" || (name === "htmx:afterRequest" && !detail.xhr.status)) delete detail.error;
};

const NO_ANSWER = "The service does not answer: nothing is known to have changed. Try again.";

// Why something was not done; what is no text is none of ours, but of a proxy that does not reach the service.
const why = (xhr) => (xhr.getResponseHeader("Content-Type")?.startsWith("text/plain") ? xhr.responseText : NO_ANSWER);

function toast(text, seconds = 8) {
  const line = document.createElement("p");
  line.textContent = text;
  toasts.append(line);
  setTimeout(() => line.remove(), seconds * 1000);
}

// --- Dialogs: a link to a confirmation page opens it here; its form says how it went beside its button.

let opener = "";

async function open(link) {
  opener = link.id;
  body.replaceChildren();
  await htmx.ajax("GET", link.href, { target: body, select: "#ask", swap: "innerHTML" });
  if (!body.firstElementChild) return void (location.href = link.href); // signed out, or away: the page says which
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

// A dialog that is closed gives the focus back to what opened it, which may have been replaced meanwhile.
dialog.addEventListener("close", () => {
  body.replaceChildren();
  document.getElementById(opener)?.focus({ preventScroll: true });
});

document.body.addEventListener("told", (event) => {
  if (dialog.open) dialog.close();
  toast(event.detail.message);
  renew(location.href);
});

// Whoever closed the dialog or searched for something else before the answer came is told how it went all the same:
// htmx tells only elements that are still on the page.
document.body.addEventListener("htmx:beforeSend", ({ detail: { xhr, requestConfig } }) => {
  if (requestConfig.verb === "get") return;
  requestConfig.elt.querySelector(".problem")?.replaceChildren();
  xhr.addEventListener("loadend", () => {
    if (requestConfig.elt.isConnected) return;
    const said = JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}").told;
    if (said) toast(said.message);
    else toast(why(xhr), 60);
    renew(location.href);
  });
});

// Answers may be late: what is shown below the tags is of the chosen one, and a tag that was chosen while the list was
// asked for stays chosen.
const chosen = () => document.querySelector("#tags input:checked")?.value;

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target.id === "preview") {
    const asked = new URL(requestConfig.path, location.href).searchParams.get("tag") ?? requestConfig.parameters.tag;
    if (chosen() && asked !== chosen()) event.detail.shouldSwap = false;
  }
  const kept = target.id === "tags" && chosen();
  if (kept) setTimeout(() => {
    const again = [...document.querySelectorAll("#tags input")].find((each) => each.value === kept);
    if (again) again.checked = true;
  });
});
document.body.addEventListener("change", (event) => {
  const button = event.target.closest("#tags") && document.getElementById("do");
  if (!button) return;
  button.disabled = true;
  button.textContent = `Asking what ${event.target.value} would change…`;
});

// Where the error of a form stands, in the form; in a row there is no room for one until it is needed.
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
  detail.serverResponse = why(detail.xhr);
});
document.body.addEventListener("htmx:sendError", ({ detail: { requestConfig } }) => {
  if (requestConfig.verb !== "get") problemOf(requestConfig.elt).textContent = NO_ANSWER;
});

// --- What changed: elements with data-live are fetched anew and put in by their id, where they differ.

let asked = new Set();
let held = new Set(); // what could not be put in yet
let busy = false;

async function renew(url) {
  asked.add(url);
  if (busy) return;
  busy = true;
  while (asked.size) {
    const [next] = asked;
    asked.delete(next);
    try {
      const answer = await fetch(next, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(15000) });
      if (answer.ok && !put(new DOMParser().parseFromString(await answer.text(), "text/html"))) held.add(next);
    } catch {
      // The stream says whether the service is there, and what was missed is fetched when it is back.
    }
  }
  busy = false;
}

// What a person holds a button down in, or awaits an answer in, stays until that is over: the click would be lost, and
// so would the answer. `:active` does not tell: after a touch it may stay until the next one.
let pressed = null;
const inUse = (element) => element.contains(pressed) || element.querySelector(".htmx-request");

document.addEventListener("pointerdown", ({ target, button }) => {
  if (!button) pressed = target;
});
document.addEventListener("keydown", ({ target, key }) => {
  if (key === " ") pressed = target; // a button acts when it is let go
});
for (const over of ["pointerup", "pointercancel", "dragend", "keyup", "htmx:afterRequest"]) {
  document.addEventListener(over, () => {
    if (over !== "htmx:afterRequest") pressed = null;
    const again = held;
    held = new Set();
    if (again.size) setTimeout(() => again.forEach(renew));
  });
}

// Whether everything could be put in.
function put(page) {
  let whole = true;
  for (const next of page.querySelectorAll("[data-live]")) {
    const now = document.getElementById(next.id);
    if (!now || same(now, next)) continue;
    if (inUse(now)) {
      whole = false;
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
  tellTimes();
  return whole;
}

// Times differ at each look, and are told by this page itself, as are errors.
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
  const any = (wanted, changed) => wanted && changed.length && (wanted === true || changed.some((each) => wanted.includes(each)));
  if (everything || situation || any(follows.watches, watches) || any(follows.rollouts, rollouts) || (follows.deliveries && deliveries)) {
    return renew(location.href);
  }
  if (!follows.rows) return;
  const shown = new Set([...document.querySelectorAll("[data-watch]")].map((row) => row.dataset.watch));
  const names = watches.filter((name) => shown.has(name)).map((name) => `name=${encodeURIComponent(name)}`);
  if (names.length > 30) renew(location.href);
  else if (names.length) renew(`/rows?${names.join("&")}`);
});

const STATES = { live: "Live", lost: "Not live: the service does not answer", away: "Not live" };
document.addEventListener("feed:state", (event) => {
  const { state, problem } = event.detail;
  const text = state === "away" && problem ? `Not live: ${problem}` : STATES[state];
  if (live.textContent !== text) live.textContent = text;
  document.documentElement.classList.toggle("stale", state !== "live");
});

// --- Times: the same words as the server's, as time goes on. The clock is the server's: the browser's may be wrong.

const UNITS = [["s", 1, 60], ["min", 60, 3600], ["h", 3600, 86400], ["d", 86400, 5184000]];

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const passed = Math.max(0, Math.floor((Date.now() - new Date(time.dateTime)) / 1000));
    const [unit, length] = UNITS.find(([, , limit]) => passed < limit) ?? ["months", 2592000];
    const told = time.dataset.told;
    const text = `${Math.floor(passed / length)} ${unit}${told ? ` ${told}` : ""}`;
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(tellTimes, 1000);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.target.closest("input, textarea, select")) return;
  const search = document.querySelector("#text, #repo");
  if (search) event.preventDefault();
  search?.focus();
});
