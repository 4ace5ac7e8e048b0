// What changes, for the scripts of a page: events on `document`, from the stream that all tabs of a browser share.
//   feed:changed {watches, rollouts, situation, deliveries, everything}   what to read again
//   feed:state   {state: "live" | "lost" | "away", since, problem}        whether changes are heard now
//   feed:hello   {version, instance}                                      which server tells them
"use strict";

(() => {
  const url = document.currentScript.dataset.stream || "/static/stream.js"; // another version, another worker
  const STILL_HERE = 30000;
  const NOTHING = { watches: [], rollouts: [], situation: false, deliveries: false, everything: false };
  let since = performance.timeOrigin; // when the page was asked for: what changed later may be missing on it
  let port = null;
  let timer = 0;
  let told = "";

  function dispatch(kind, detail) {
    document.dispatchEvent(new CustomEvent(`feed:${kind}`, { detail }));
  }

  function hear([kind, detail]) {
    if (kind === "state") {
      if (told === JSON.stringify(detail)) return;
      told = JSON.stringify(detail);
    }
    dispatch(kind, kind === "changed" ? { ...NOTHING, ...detail } : detail);
  }

  // Where there are no shared workers (Chrome on Android) each tab has a stream of its own, by the same script.
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
      return own(url); // there are none, or privacy settings forbid them
    }
  }

  function connect() {
    if (!port) {
      port = shared(url);
      port.onmessage = ({ data }) => hear(data);
    }
    port.postMessage(["join", since]);
    clearInterval(timer);
    timer = setInterval(() => port.postMessage(["here", since]), STILL_HERE);
  }

  // A page that is put aside may come back as it was: what changes meanwhile is told then.
  window.addEventListener("pagehide", () => {
    clearInterval(timer);
    port.postMessage(["leave", 0]);
    since = Date.now();
    told = "";
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
  connect();
})();
