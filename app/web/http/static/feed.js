// Changes, as events on `document` for the scripts of a page, from the stream that all tabs of a browser share.
//   feed:changed {watches, rollouts, situation, deliveries, everything}   what to read again
//   feed:state   {state: "live" | "lost" | "outage", since, problem}      whether changes arrive now, or since when not
//   feed:hello   {version, instance}                                      the server that sends them
"use strict";

(() => {
  const url = document.currentScript.dataset.stream || "/static/stream.js"; // another version gets another worker
  const STILL_HERE = 30000;
  const NOTHING = { watches: [], rollouts: [], situation: false, deliveries: false, everything: false };
  let since = performance.timeOrigin; // when the page was requested: later changes may be missing on it
  let port = null;
  let timer = 0;
  let lastState = "";

  function dispatch(kind, detail) {
    document.dispatchEvent(new CustomEvent(`feed:${kind}`, { detail }));
  }

  function receive([kind, detail]) {
    if (kind === "state") {
      if (lastState === JSON.stringify(detail)) return;
      lastState = JSON.stringify(detail);
    }
    dispatch(kind, kind === "changed" ? { ...NOTHING, ...detail } : detail);
  }

  // Without shared workers (Chrome on Android) each tab has its own stream, by the same script.
  function own(url) {
    const channel = new MessageChannel();
    const run = document.createElement("script");
    run.src = url;
    run.onload = () => self.onconnect({ ports: [channel.port2] });
    document.head.append(run);
    return channel.port1;
  }

  function shared(url) {
    try {
      return new SharedWorker(url).port;
    } catch {
      return own(url); // not supported, or forbidden by privacy settings
    }
  }

  function connect() {
    if (!port) {
      port = shared(url);
      port.onmessage = ({ data }) => receive(data);
    }
    port.postMessage(["join", since]);
    clearInterval(timer);
    timer = setInterval(() => port.postMessage(["here", since]), STILL_HERE);
  }

  // The browser may restore a hidden page unchanged (bfcache): the changes since then are sent on its return.
  window.addEventListener("pagehide", () => {
    clearInterval(timer);
    port.postMessage(["leave", 0]);
    since = Date.now();
    lastState = "";
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  // Not before the scripts that hear the events have run: one that is still loading would miss them.
  document.addEventListener("DOMContentLoaded", connect);
})();
