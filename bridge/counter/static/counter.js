// Keeps the parts of the page that are marked data-live as the server has them. The event stream says only
// that something has changed; the page then fetches itself. Without this script the page is the same, as old
// as its last loading.
"use strict";
(() => {
  const page = document.body.dataset.page;
  const stale = document.getElementById("stale");
  let skew = Date.now() - Number(document.body.dataset.now);

  // The words are the page's, in its language: "{m} min {s} s".
  const { seconds, minutes, hours, days } = document.body.dataset;
  const fill = (words, values) => words.replace(/\{(\w)\}/g, (_, name) => Math.floor(values[name]));
  const span = (s) => {
    if (s < 60) return fill(seconds, { s });
    if (s < 3600) return fill(minutes, { m: s / 60, s: s % 60 });
    if (s < 48 * 3600) return fill(hours, { h: s / 3600, m: (s / 60) % 60 });
    return fill(days, { d: s / 86400 });
  };
  const tick = () => {
    for (const t of document.querySelectorAll("[data-since]")) {
      const s = Math.max(0, Math.floor((Date.now() - skew - Number(t.dataset.since)) / 1000));
      if (t.textContent !== span(s)) t.textContent = span(s);
    }
  };
  tick();
  setInterval(tick, 1000);

  // What only a script can do shows itself where there is one.
  for (const b of document.querySelectorAll("[data-print]")) {
    b.hidden = false;
    b.addEventListener("click", () => window.print());
  }
  for (const b of document.querySelectorAll("[data-copy]")) {
    b.hidden = !navigator.clipboard;
    b.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(b.dataset.copy).innerText);
      b.textContent = b.dataset.copied;
    });
  }
  if (!page) return;

  // What a part says, running times left out.
  const gist = (part) => {
    const copy = part.cloneNode(true);
    for (const t of copy.querySelectorAll("[data-since]")) t.textContent = "";
    return copy.outerHTML;
  };
  const shown = new Map();
  for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, gist(part));

  const swap = (fresh) => {
    document.title = fresh.title;
    for (const old of document.querySelectorAll("[data-live]")) {
      const part = fresh.getElementById(old.id);
      if (!part || shown.get(old.id) === gist(part)) continue;
      // A form that is still wanted keeps what was typed into it.
      if ("form" in old.dataset && "form" in part.dataset) continue;
      shown.set(old.id, gist(part));
      const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
      old.replaceWith(document.adoptNode(part));
      if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
    }
    tick();
  };

  let fetching = false;
  let again = false;
  const look = async () => {
    if (fetching) {
      again = true;
      return;
    }
    fetching = true;
    again = false;
    try {
      const answer = await fetch(page, { cache: "no-store", signal: AbortSignal.timeout(15000) });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.redirected) {
        location.assign(page); // the session has ended
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      skew = Date.now() - Number(fresh.body.dataset.now);
      swap(fresh);
      stale.hidden = true;
    } catch {
      stale.hidden = false;
    }
    // A pause, so that a storm of changes does not become a storm of fetching.
    setTimeout(() => {
      fetching = false;
      if (again) look();
    }, 300);
  };

  // Only the page that is looked at holds a stream: a browser has few connections to one server, and pages
  // in the background would use them up. The browser reopens a stream that broke, but not one that was refused.
  let stream = null;
  const listen = () => {
    if (stream) stream.close();
    stream = null;
    if (document.hidden) return;
    stream = new EventSource("/events");
    stream.addEventListener("changed", look);
  };
  listen();
  document.addEventListener("visibilitychange", listen);
  let turn = 0;
  setInterval(() => {
    turn++;
    if (document.hidden ? turn % 4 === 0 : stream.readyState !== EventSource.OPEN) look();
    if (stream && stream.readyState === EventSource.CLOSED) listen();
  }, 5000);
})();
