// One stream of changes for all tabs of a browser, since a browser opens only six connections to a server.
// It runs as a SharedWorker, or as a script of the page without one. It sends each tab the changes, and first those
// between the request of the tab's page and its connection.
"use strict";

(() => {
  const SILENCE = 4000; // the server pings every second
  const CHECK = 500;
  const LONGEST_PAUSE = 4000;
  const MISSING = 90000; // tabs report regularly: a worker is not notified when one is closed
  const REMEMBERED = 200;
  const SIGNED_OUT = "You are signed out: reload this page to sign in again";
  const ports = new Map(); // port -> time of its last report
  let source = null;
  let reopenTimer = 0;
  let pause = 1000;
  let lastEventAt = 0;
  let openedAt = 0;
  let state = null; // not sent before it is known
  let hello = null;
  let changes = []; // [at, detail]
  let completeSince = Infinity; // no change was missed since then

  function send(kind, detail) {
    for (const port of ports.keys()) port.postMessage([kind, detail]);
  }

  // `since` is a time of this browser: the clocks of others may differ.
  function become(name, since, problem = "") {
    if (name !== "live") completeSince = Infinity;
    if (state && state.state === name && state.problem === problem) return;
    state = { state: name, since: state && state.state !== "live" && name !== "live" ? state.since : since, problem };
    send("state", state);
  }

  function change(detail) {
    if (detail.everything) {
      changes = [];
      completeSince = Date.now();
      become("live", Date.now());
    }
    changes.push([Date.now(), detail]);
    if (changes.length > REMEMBERED) completeSince = changes.shift()[0] + 1;
    send("changed", detail);
  }

  function on(kind, act) {
    source.addEventListener(kind, (event) => {
      lastEventAt = Date.now();
      pause = 1000;
      act(JSON.parse(event.data));
    });
  }

  function close() {
    clearTimeout(reopenTimer);
    if (source) source.close();
    [source, reopenTimer, state, completeSince] = [null, 0, null, Infinity];
  }

  // Why the stream was refused, since an EventSource does not tell; "" if that is not known.
  async function refusal() {
    const asking = new AbortController();
    try {
      const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(SILENCE - CHECK)]);
      const response = await fetch("/live", { headers: { Accept: "application/json" }, signal });
      if (response.status === 401) return SIGNED_OUT;
      return response.ok ? "" : ((await response.json()).message ?? "");
    } catch {
      return ""; // no answer, or that of a proxy which does not reach the service
    } finally {
      asking.abort(); // an admitted stream would not end
    }
  }

  // A browser reconnects by itself after a lost connection, but not after a refusal (503, 401).
  function open() {
    clearTimeout(reopenTimer);
    if (source) source.close();
    reopenTimer = 0;
    lastEventAt = openedAt = Date.now();
    source = new EventSource("/live");
    on("hello", (detail) => send("hello", (hello = detail)));
    on("changed", change);
    on("outage", ({ problem, seconds }) => become("outage", Date.now() - 1000 * seconds, problem));
    on("ping", () => {});
    source.onerror = async ({ target }) => {
      const since = lastEventAt;
      const problem = target.readyState === EventSource.CLOSED ? await refusal() : "";
      if (source !== target) return; // it was replaced meanwhile
      become("lost", since, problem);
      if (target.readyState !== EventSource.CLOSED || reopenTimer) return;
      reopenTimer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    };
  }

  setInterval(() => {
    for (const [port, at] of ports) if (Date.now() - at > MISSING) ports.delete(port);
    if (!ports.size) close();
    else {
      // A stream that pings and never says that everything was read would leave its pages without a word.
      const since = state && state.state !== "lost" ? lastEventAt : openedAt;
      if (reopenTimer || Date.now() - since <= SILENCE) return;
      become("lost", since);
      open();
    }
  }, CHECK);

  function join(port, since) {
    if (!source) open();
    else if (hello) port.postMessage(["hello", hello]);
    if (state) port.postMessage(["state", state]);
    if (!state || state.state !== "live") return; // it gets everything once it is live
    if (since < completeSince) port.postMessage(["changed", { everything: true }]);
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
