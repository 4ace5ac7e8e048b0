// One stream of changes for all tabs of a browser: a browser keeps only six connections to a server, and seven tabs that
// each hold one open would load nothing any more. Runs as a SharedWorker; feed.js speaks to it, or runs it itself.
"use strict";

const SILENCE = 40000; // the server says something every 15 s

// Follows /live, and hands on what happens: { state, problem } or { changed }. Everything is to be read again after a gap.
function follow(tell) {
  let source, heard, missed = false;

  function lost() {
    missed = true;
    tell({ state: "lost" });
  }

  function open() {
    source?.close();
    source = new EventSource("/live");
    heard = Date.now();
    source.onerror = () => {
      lost();
      // A refusal (signed out, too many pages) ends an EventSource for good; a lost link it mends by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    };
    source.addEventListener("hello", () => { heard = Date.now(); });
    source.addEventListener("ping", () => { heard = Date.now(); });
    source.addEventListener("away", (event) => {
      heard = Date.now();
      missed = true;
      tell({ state: "away", problem: JSON.parse(event.data).problem });
    });
    source.addEventListener("changed", (event) => {
      heard = Date.now();
      const changed = JSON.parse(event.data);
      if (changed.everything) tell({ state: "live" });
      // The first one of a stream says everything; a page that has just been loaded has it already.
      if (changed.everything && !missed) return;
      missed = false;
      tell({ changed });
    });
  }

  open();
  setInterval(() => {
    if (Date.now() - heard < SILENCE) return;
    lost();
    open();
  }, 5000);
}

if (typeof SharedWorkerGlobalScope !== "undefined") {
  const ports = new Set();
  let state;
  let started = false;
  globalThis.onconnect = ({ ports: [port] }) => {
    ports.add(port);
    port.onmessage = ({ data }) => data === "bye" && ports.delete(port);
    if (state) port.postMessage(state);
    if (started) return;
    started = true;
    follow((what) => {
      if (what.state) state = what;
      for (const each of ports) each.postMessage(what);
    });
  };
}
