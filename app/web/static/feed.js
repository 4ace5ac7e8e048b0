// Tells the page what changed ("feed:changed") and whether it is still told ("feed:state"), from the one stream that all
// tabs of this browser share; a browser without shared workers gets a stream for each tab.
"use strict";

{
  const script = document.currentScript.dataset.stream;
  let worker;

  function hand({ data }) {
    if (data.state) document.dispatchEvent(new CustomEvent("feed:state", { detail: data }));
    else document.dispatchEvent(new CustomEvent("feed:changed", { detail: data.changed }));
  }

  function connect() {
    worker = new SharedWorker(script, { name: "registrywatcher" });
    worker.port.onmessage = hand;
    worker.port.start();
  }

  addEventListener("DOMContentLoaded", () => {
    if (typeof SharedWorker !== "undefined") return connect();
    const tag = document.createElement("script");
    tag.src = script;
    tag.onload = () => follow((what) => hand({ data: what }));
    document.head.append(tag);
  });

  addEventListener("pagehide", () => worker?.port.postMessage("bye"));
  // Back from the browser's cache a page is as old as it was left.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    if (worker) connect();
    hand({ data: { changed: { watches: [], rollouts: [], situation: true, deliveries: true, everything: true } } });
  });
}
