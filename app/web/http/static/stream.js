// One stream of changes for all tabs of a browser: a browser keeps six connections to a server, and tabs are many.
// A SharedWorker, or a script of the page where there are none. It tells each tab what came, and what a tab missed
// between being asked for and being connected.
"use strict";

(() => {
  const SILENCE = 40000; // the server pings every 15 s
  const MISSING = 90000; // tabs say that they are there: nothing tells a worker that one has gone
  const REMEMBERED = 200;
  const ports = new Map(); // port -> when it was heard of last
  let source = null;
  let again = 0; // the timer that opens it again
  let pause = 1000;
  let heard = 0;
  let state = null; // nothing is said before it is known
  let hello = null;
  let changes = []; // [at, detail]
  let whole = Infinity; // since when no change was missed

  function tell(kind, detail) {
    for (const port of ports.keys()) port.postMessage([kind, detail]);
  }

  function become(name, problem = "") {
    if (name !== "live") whole = Infinity;
    if (state && state.state === name && state.problem === problem) return;
    state = { state: name, since: state && state.state === name ? state.since : Date.now(), problem };
    tell("state", state);
  }

  function change(detail) {
    if (detail.everything) {
      changes = [];
      whole = Date.now();
      become("live");
    }
    changes.push([Date.now(), detail]);
    if (changes.length > REMEMBERED) whole = changes.shift()[0] + 1;
    tell("changed", detail);
  }

  function on(kind, act) {
    source.addEventListener(kind, (event) => {
      heard = Date.now();
      pause = 1000;
      act(JSON.parse(event.data));
    });
  }

  function close() {
    clearTimeout(again);
    if (source) source.close();
    [source, again, state, whole] = [null, 0, null, Infinity];
  }

  // A browser connects again by itself when it was cut; after a refusal (503, 401) it never does.
  function open() {
    clearTimeout(again);
    if (source) source.close();
    again = 0;
    heard = Date.now();
    source = new EventSource("/live");
    on("hello", (detail) => tell("hello", (hello = detail)));
    on("changed", change);
    on("away", (detail) => become("away", detail.problem));
    on("ping", () => {});
    source.onerror = () => {
      become("lost");
      if (source.readyState !== EventSource.CLOSED || again) return;
      again = setTimeout(open, pause);
      pause = Math.min(pause * 2, 30000);
    };
  }

  setInterval(() => {
    for (const [port, at] of ports) if (Date.now() - at > MISSING) ports.delete(port);
    if (!ports.size) close();
    else if (!again && Date.now() - heard > SILENCE) {
      become("lost");
      open();
    }
  }, 5000);

  function join(port, since) {
    if (!source) open();
    else if (hello) port.postMessage(["hello", hello]);
    if (state) port.postMessage(["state", state]);
    if (!state || state.state !== "live") return; // it is told everything once it is
    if (since < whole) port.postMessage(["changed", { everything: true }]);
    else for (const [at, detail] of changes) if (at >= since) port.postMessage(["changed", detail]);
  }

  self.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data: [kind, since] }) => {
      const known = ports.has(port);
      if (kind === "leave") ports.delete(port);
      else ports.set(port, Date.now());
      if (kind === "join" || (kind === "here" && !known)) join(port, since);
      if (!ports.size) close();
    };
  };
})();
