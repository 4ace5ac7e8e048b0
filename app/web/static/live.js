// Keeps the page current: asks for it again every two seconds, and puts in what changed. Without it, reload by hand.
"use strict";

const PAUSE = 2000;
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const main = document.querySelector("main");
const live = document.querySelector(".live");
let shown = main.innerHTML;

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    if (!time.title) time.title = time.textContent;
    const seconds = Math.min(0, Math.round((new Date(time.dateTime) - Date.now()) / 1000));
    const [unit, length] = UNITS.find(([, size]) => -seconds >= size) || UNITS[3];
    const text = words.format(Math.trunc(seconds / length), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}

function place(element) {
  return element && main.contains(element) && element.getAttribute("href");
}

function put(next) {
  const href = place(document.activeElement);
  main.innerHTML = next;
  shown = next;
  if (href) main.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
  if (!answer.ok && answer.status !== 503) return say(`Not current: the server answers ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.querySelector("main").innerHTML;
  if (next !== shown && getSelection().isCollapsed) put(next);
  document.title = page.title;
  say(answer.ok ? "Live" : "Not current");
}

async function loop() {
  if (!document.hidden) {
    try {
      await refresh();
    } catch {
      say("Not current: the server does not answer");
    }
    tellTimes();
  }
  setTimeout(loop, PAUSE);
}

tellTimes();
setTimeout(loop, PAUSE);
