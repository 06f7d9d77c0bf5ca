"use strict";

const $ = (id) => document.getElementById(id);
let view = null;
let menu = null;
let popup = ""; // the payment in MGR's popup
let closed = ""; // the one whose popup was closed

function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

function make(tag, value, className) {
  const node = document.createElement(tag);
  if (value !== undefined) node.textContent = value;
  if (className) node.className = className;
  return node;
}

let noteTimer = 0;
function note(message) {
  text($("note"), message);
  $("note").hidden = false;
  clearTimeout(noteTimer);
  noteTimer = setTimeout(() => { $("note").hidden = true; }, 6000);
}

async function post(path, order) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(order) });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({ error: "That did not work." }));
      note(problem.error.charAt(0).toUpperCase() + problem.error.slice(1) + ".");
    }
  } catch {
    note("The demo cannot be reached.");
  }
}

const short = (uuid) => uuid.slice(0, 8);
const amountOf = (json) => json.replaceAll('"', "");

function drawPopup() {
  const p = view.mgr.payments[0];
  const box = $("popup");
  box.hidden = !p || p.uuid === closed;
  if (box.hidden) return;
  popup = p.uuid;
  text($("p-amount"), amountOf(p.amount) + " " + menu.currency);
  let [tone, big, words] = ["wait", menu.by_hand ? "Waiting for the clerk" : "Waiting for the terminal", "The popup closes when the bridge tells the outcome."];
  const row = view.bridge.payments.find((x) => x.uuid === p.uuid);
  if (p.outcome === "APPROVED") [tone, big, words] = ["good", "Paid", "Code " + (p.code || "none") + ", reference " + (p.ref || "none") + "."];
  else if (p.outcome === "DENIED") [tone, big, words] = ["bad", "Not paid", "MGR was told DENIED. No money moved."];
  else if (row && row.state === "held") [tone, big, words] = ["doubt", "Not known", "The bridge holds this payment until a person has looked at the terminal, on the counter screen. MGR is told nothing until then."];
  else if (p.waiting) [tone, big, words] = ["wait", "Asking the bridge", ""];
  else if (p.status === 0 && !row) [tone, big, words] = ["bad", "No answer", "The bridge does not answer."];
  else if (p.status !== 202 && p.status !== 0) [tone, big, words] = ["bad", "Not taken", p.problem];
  box.className = "popup " + tone;
  text($("p-big"), big);
  text($("p-text"), words);
}

function drawBridge() {
  const b = view.bridge;
  const alive = b.state === "running" || b.state === "starting";
  const asks = ["uncertain", "recovering"].includes(view.story.state);
  const words = {
    "running": ["good", "Running", asks ? "It asks the terminal what became of the payment, however long that takes. It sends nothing again." : view.verdict.held && view.verdict.held.length ? "A payment is on hold. The terminal takes no other until a person has settled it on the counter screen." : !b.reached ? "It looks for the terminal." : (menu.by_hand ? "It asks on the counter screen what the terminal printed" : "It has reached the terminal") + " and writes every step into its journal before it does the next."],
    "starting": ["doubt", "Starting", ""],
    "killed": ["bad", "Killed", "It had no time to say or write anything. " + (menu.by_hand ? "A payment in progress goes on hold when it is started again, for a person to look." : "What became of a payment in progress it will ask the terminal when it is started again.")],
    "stopped": ["bad", "Stopped", "It ended in good order."],
    "ended": ["bad", "Ended by itself", b.why || ""],
    "not started": ["bad", "Not started", ""],
  }[b.state] || ["bad", b.state, ""];
  $("b-dot").className = "dot " + words[0];
  text($("b-state"), words[1]);
  text($("b-text"), b.trouble ? "Its journal cannot be read: " + b.trouble : words[2]);
  $("b-kill").hidden = $("b-stop").hidden = !alive;
  $("b-start").hidden = alive;
  const { states, amount } = view.story;
  $("b-payment").hidden = !states || states.length === 0;
  text($("b-payment"), "What its journal says of the payment of " + amount + ":");
  const now = JSON.stringify(states);
  if ($("b-chain").dataset.now !== now) {
    $("b-chain").dataset.now = now;
    $("b-chain").replaceChildren(...(states || []).map((s) => make("li", s.word.replaceAll("_", " "), s.tone)));
  }
  text($("b-counter"), b.counter);
  if ($("b-counter").getAttribute("href") !== b.counter) $("b-counter").setAttribute("href", b.counter);
  text($("b-password"), b.password || "made at the first start");
  text($("b-webhook"), b.webhook);
  text($("b-dir"), b.dir);
}

function drawTerminal() {
  const { face, script, line, note: remark } = view.terminal;
  $("display").classList.toggle("off", !face.powered);
  const lines = face.powered ? face.display || [] : ["no power"];
  const now = lines.join("\n");
  if ($("display").dataset.now !== now) {
    $("display").dataset.now = now;
    $("display").replaceChildren(...lines.map((l) => make("div", l)));
    const gloss = lines.map((l) => inEnglish[l]).filter(Boolean).join(", ");
    if (gloss) {
      const node = make("div", gloss, "gloss");
      node.lang = "en";
      $("display").append(node);
    }
  }
  for (const key of document.querySelectorAll("[data-press]")) key.disabled = !face.paying || !face.powered || script !== "by-hand";
  $("key-in").disabled = $("journal").disabled = face.paying || !face.powered;
  text($("paper"), (face.receipt || []).join("\n") || "Nothing.");
  const cable = menu.by_hand ? "its network cable" : "the cable";
  text($("cable"), face.cabled ? "Pull " + cable : "Plug " + cable + " in");
  $("cable").className = face.cabled ? "" : "danger";
  text($("power"), face.powered ? "Cut the power" : "Restore the power");
  $("power").className = face.powered ? "" : "danger";
  if (document.activeElement !== $("script")) $("script").value = script;
  const choice = menu && menu.outcomes.find((o) => o.name === script);
  text($("script-text"), (choice ? sentence(choice.what) : "Press the keys above when the terminal asks for a card.") + (remark ? " " + remark : ""));
  $("script-text").title = line;
}

// What the simulated terminal shows, as terminals of its country do.
const inEnglish = {
  "Willkommen": "welcome", "Karte vorhalten": "present your card", "Bitte warten": "please wait", "PIN eingeben": "enter your PIN", "PIN falsch": "wrong PIN",
  "PIN zu oft falsch": "wrong PIN too often", "Zahlung erfolgt": "paid", "Zahlung abgelehnt": "declined", "Abbruch durch Kunde": "cancelled by the customer",
  "Zeitüberschreitung": "nobody presented a card", "Storno, nicht bezahlt": "reversed, not paid", "Kassenschnitt\ndurchführen": "end of day is due", "Kassenschnitt": "end of day",
  "Autorisierungsruf": "the bank wants a telephone call",
  "PRET": "ready", "PRESENTEZ CARTE": "present your card", "PATIENTEZ": "please wait", "CODE CONFIDENTIEL": "enter your PIN", "CODE FAUX": "wrong PIN",
  "PAIEMENT ACCEPTE": "paid", "PAIEMENT REFUSE": "declined", "ABANDON": "given up", "DELAI DEPASSE": "nobody presented a card",
};

const sentence = (s) => s.charAt(0).toUpperCase() + s.slice(1) + ".";

function drawVerdict() {
  const { differs, open, held } = view.verdict;
  const none = view.bridge.payments.length === 0 && view.mgr.payments.length === 0;
  let [tone, head, lines] = ["good", "They agree: MGR, the bridge’s journal and the terminal’s own ledger say the same.", []];
  if (differs && differs.length) [tone, head, lines] = ["bad", "They differ.", differs];
  else if (held && held.length) [tone, head, lines] = ["doubt", "They agree on everything that is known. One payment waits for a person.", held];
  else if (open && open.length) [tone, head, lines] = ["doubt", "A payment is under way.", open];
  else if (none) [tone, head] = ["", "No payment yet. MGR, the bridge’s journal and the terminal’s own ledger are compared here."];
  const box = $("verdict");
  const now = tone + head + (lines || []).join();
  if (box.dataset.now === now) return;
  box.dataset.now = now;
  box.className = "verdict " + tone;
  box.replaceChildren(document.createTextNode(head), ...(lines || []).map((l) => make("span", l)));
}

function drawStory() {
  const steps = view.story.steps || [];
  $("s-none").hidden = steps.length > 0;
  const now = JSON.stringify(view.story);
  if ($("story").dataset.now === now) return;
  $("story").dataset.now = now;
  $("story").replaceChildren(...steps.map((s) => {
    const li = make("li", undefined, s.tone);
    li.append(make("time", s.seconds.toFixed(s.seconds < 10 ? 3 : 1) + " s"), make("b", s.who), make("span", s.words));
    return li;
  }));
}

function rows(body, list, cells, columns) {
  const now = JSON.stringify(list);
  if (body.dataset.now === now) return;
  body.dataset.now = now;
  if (list.length === 0) {
    const td = make("td", "nothing yet", "none");
    td.colSpan = columns;
    const tr = make("tr");
    tr.append(td);
    body.replaceChildren(tr);
    return;
  }
  body.replaceChildren(...list.map((x) => {
    const tr = make("tr");
    tr.append(...cells(x).map(([value, className]) => make("td", value, className)));
    return tr;
  }));
}

function drawLedgers() {
  const mood = (outcome) => ({ APPROVED: "good", DENIED: "bad" }[outcome] || "none");
  rows($("l-mgr"), view.mgr.payments, (p) => [
    [short(p.uuid)], [amountOf(p.amount), "n"], [p.waiting ? "…" : p.status === 202 ? "accepted" : p.status ? "refused, " + p.status : "none"],
    [p.outcome ? p.outcome + (p.code ? ", code " + p.code : "") : p.status === 202 ? "not told yet" : "none", mood(p.outcome)],
  ], 4);
  rows($("l-journal"), view.bridge.payments, (p) => [
    [short(p.uuid)], [p.amount, "n"], [p.state, ["held", "uncertain", "recovering"].includes(p.state) ? "doubt" : ""],
    [p.outcome ? p.outcome + (p.code ? ", code " + p.code : "") + ": " + p.proof : "not known", mood(p.outcome)],
  ], 4);
  rows($("l-terminal"), view.terminal.entries, (e) => [
    [e.sequence], [e.amount, "n"], [e.code],
    e.manual ? ["taken by hand, before the demo", "none"] : e.captured ? ["taken", "good"] : ["given back", "bad"],
  ], 4);
}

function draw() {
  drawPopup();
  drawBridge();
  drawTerminal();
  drawVerdict();
  drawStory();
  drawLedgers();
  if (document.activeElement !== $("mode")) $("mode").value = view.mgr.mode;
}

function wire() {
  $("charge").addEventListener("submit", (e) => {
    e.preventDefault();
    closed = "";
    post("charge", { amount: $("amount").value.trim().replace(",", ".") });
  });
  $("key").addEventListener("submit", (e) => {
    e.preventDefault();
    post("key", { amount: $("key-amount").value.trim().replace(",", ".") });
    $("key-amount").value = "";
  });
  $("journal").addEventListener("click", () => post("press", { do: "journal" }));
  $("p-close").addEventListener("click", () => { closed = popup; $("popup").hidden = true; });
  for (const [id, what] of [["b-kill", "kill"], ["b-start", "start"], ["b-stop", "stop"]]) {
    $(id).addEventListener("click", () => post("bridge", { do: what }));
  }
  for (const key of document.querySelectorAll("[data-press]")) {
    key.addEventListener("click", () => post("press", { do: key.dataset.press }));
  }
  $("cable").addEventListener("click", () => post("press", { do: view.terminal.face.cabled ? "pull-cable" : "plug-cable" }));
  $("power").addEventListener("click", () => post("press", { do: view.terminal.face.powered ? "cut-power" : "restore-power" }));
  $("script").addEventListener("change", (e) => { post("script", { do: e.target.value }); e.target.blur(); });
  $("mode").addEventListener("change", (e) => { post("mgr", { do: e.target.value }); e.target.blur(); });
}

function option(value, label) {
  const o = make("option", label);
  o.value = value;
  return o;
}

async function start() {
  wire();
  menu = await (await fetch("menu")).json();
  text($("currency"), ", " + menu.currency);
  $("amount").value = menu.amount;
  text($("t-title"), "simulated, " + menu.title.split(" (")[0]);
  $("hand").hidden = $("key").hidden = $("printer").hidden = !menu.by_hand;
  $("script").replaceChildren(option("by-hand", "wait for my keys"), ...menu.outcomes.map((o) => option(o.name, o.name.replaceAll("-", " "))));
  $("mode").replaceChildren(...menu.modes.map((m) => option(m.name, m.what)));
  const events = new EventSource("events");
  events.onmessage = (e) => {
    $("lost").hidden = true;
    view = JSON.parse(e.data);
    if (view.mgr) draw();
  };
  events.onerror = () => { $("lost").hidden = false; };
}

start();
