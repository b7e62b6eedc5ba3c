"use strict";
const STEP = 10, MOST = 100;
const at = id => document.getElementById(id);
const form = at("form"), box = at("box"), status = at("status"), note = at("note"), list = at("hits");
const further = at("further");
const number = new Intl.NumberFormat("en-GB");
const COMMON = new Set((
  "a an and are as at be but by can could did do does for from had has have how i if in into is it its may me my not " +
  "of on or our shall should so than that the their them then there these they this those to was we were what when " +
  "where which who why will with would you your").split(" "));
let served = null, running = null, asked = { q: "", k: STEP };

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/* Which words to mark: those of the question that carry meaning, and longer words that begin with one. */
function marker(query) {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || []).filter(w => w.length > 1 && !COMMON.has(w));
  const whole = new Set(words), stems = words.filter(w => w.length > 3);
  return word => { const w = word.toLowerCase(); return whole.has(w) || stems.some(stem => w.startsWith(stem)); };
}

/* Every text goes in as text: what looks like HTML in a document is shown, never run. */
function fill(element, text, marked) {
  let plain = "";
  for (const part of text.split(/([\p{L}\p{N}_]+)/gu)) {
    if (!marked(part)) { plain += part; continue; }
    element.append(plain, make("mark", "", part));
    plain = "";
  }
  element.append(plain);
}

function link(metadata) {
  try {
    const url = new URL(metadata.url);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch { return null; }
}

function heading(hit, marked) {
  const title = make("h2");
  title.dir = "auto";
  const href = link(hit.metadata);
  const holder = href ? title.appendChild(make("a")) : title;
  if (href) { holder.href = href; holder.rel = "noopener noreferrer"; }
  fill(holder, hit.title || hit.id, marked);
  return title;
}

function score(hit) {
  const known = typeof hit.probability === "number", part = known ? hit.probability : hit.score;
  const percent = Math.round(Math.max(0, Math.min(1, part)) * 100) + "%";
  const shown = make("span", "score", (known ? percent + " · " : "") + hit.score.toFixed(3));
  shown.title = known ? "Probability that it is relevant, and its similarity" : "Similarity: bigger is closer";
  shown.style.setProperty("--part", percent);
  return shown;
}

function details(hit) {
  const line = make("div", "under");
  if (hit.title) line.append(make("span", "", hit.id));
  for (const [name, value] of Object.entries(hit.metadata))
    if (["string", "number", "boolean"].includes(typeof value) && String(value).length <= 120)
      line.append(make("span", "", `${name}: ${value}`));
  return line;
}

function entry(hit, marked) {
  const item = make("li"), article = make("article", "hit"), top = make("div", "top"), text = make("p", "text folded");
  article.tabIndex = -1;
  text.dir = "auto";
  top.append(heading(hit, marked), score(hit));
  fill(text, hit.text.trim(), marked);
  article.append(top, text, details(hit));
  item.append(article);
  return item;
}

/* Long texts fold; a text that is only a line or so too long is shown whole. */
function fold() {
  for (const text of list.querySelectorAll(".text.folded:not(.cut)")) {
    if (text.scrollHeight <= text.clientHeight + 40) { text.classList.remove("folded"); continue; }
    text.classList.add("cut");
    const more = make("button", "plain", "More");
    more.type = "button";
    more.setAttribute("aria-expanded", "false");
    more.addEventListener("click", () => {
      const open = text.classList.toggle("folded") === false;
      text.classList.toggle("cut", !open);
      more.textContent = open ? "Less" : "More";
      more.setAttribute("aria-expanded", String(open));
    });
    text.after(more);
  }
}

function say(lines, alarm) {
  note.replaceChildren(...lines.map(line => make("p", "", line)));
  note.className = alarm ? "note alarm" : "note";
  note.hidden = lines.length === 0;
}

function welcome() {
  document.body.classList.remove("asked");
  document.title = "Search";
  list.replaceChildren();
  further.hidden = true;
  status.textContent = "";
  const without = served && served.documents === null;
  say(without ? [`No index is served here, only the model ${served.model} at /v1/embeddings.`,
                 "Build an index with “semtune index”, then open it with “semtune serve INDEX”."]
              : ["Whole questions work best. The search compares meanings, so it also finds documents that share no " +
                 "word with your question."]);
}

function show(answer, k) {
  const marked = marker(answer.query), count = answer.hits.length;
  list.replaceChildren(...answer.hits.map(hit => entry(hit, marked)));
  fold();
  const took = answer.took_ms < 10 ? answer.took_ms.toFixed(1) : number.format(Math.round(answer.took_ms));
  const found = `${number.format(count)} ${count === 1 ? "document" : "documents"}`;
  status.textContent = count ? `${found}, closest first · ${took} ms` : "";
  say(count ? [] : ["The index holds no documents, so there is nothing to find."]);
  further.hidden = count < k || k >= MOST;
}

async function explain(response) {
  if (response.status === 429) return "The server is busy. Try again in a moment.";
  try { return String((await response.json()).detail); }
  catch { return `The server answered with an error (${response.status}).`; }
}

async function run(q, k) {
  if (running) running.abort();
  asked = { q, k };
  box.value = q;
  if (!q.trim()) { welcome(); return false; }
  const mine = running = new AbortController();
  document.body.classList.add("asked");
  document.title = `${q} – Search`;
  list.classList.add("stale");
  const slow = setTimeout(() => { status.textContent = "Searching…"; }, 250);
  try {
    const response = await fetch("/search", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query: q, k }),
      signal: mine.signal,
    });
    if (response.ok) { show(await response.json(), k); return true; }
    fail(await explain(response));
  } catch (error) {
    if (error.name === "AbortError") return false;
    fail("The server cannot be reached. Check that it is running, then search again.");
  } finally {
    clearTimeout(slow);
    if (mine === running) list.classList.remove("stale");
  }
  return false;
}

function fail(message) {
  list.replaceChildren();
  further.hidden = true;
  status.textContent = "";
  say([message], true);
}

const address = (q, k) => q ? "/?" + new URLSearchParams(k > STEP ? { q, k } : { q }) : "/";

function go(q, k) {
  if (q !== asked.q || k !== asked.k) history.pushState(null, "", address(q, k));
  return run(q, k);
}

function fromAddress() {
  const values = new URLSearchParams(location.search);
  return run(values.get("q") || "", Math.max(1, Math.min(MOST, Number.parseInt(values.get("k"), 10) || STEP)));
}

form.addEventListener("submit", event => { event.preventDefault(); go(box.value.trim(), STEP); });
further.addEventListener("click", async () => {
  const seen = list.children.length;
  if (await go(asked.q, Math.min(MOST, asked.k + STEP))) list.children[seen]?.firstChild.focus();
});
addEventListener("popstate", fromAddress);
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const inBox = document.activeElement === box, hits = [...list.querySelectorAll(".hit")];
  const here = hits.findIndex(hit => hit.contains(document.activeElement));
  if (event.key === "/" && !inBox || event.key === "Escape" && here >= 0) { box.focus(); box.select(); }
  else if (event.key === "ArrowDown" && (inBox || here >= 0) && hits[here + 1]) hits[here + 1].focus();
  else if (event.key === "ArrowUp" && here >= 0) (hits[here - 1] || box).focus();
  else return;
  event.preventDefault();
});

async function introduce() {
  try {
    const response = await fetch("/health");
    if (!response.ok) return;
    served = await response.json();
    const count = served.documents, noun = count === 1 ? "document" : "documents";
    const documents = count === null ? "no index" : `${number.format(count)} ${noun}`;
    at("served").textContent = `${served.model} · ${documents}`;
  } catch { /* the search itself will say that the server is gone */ }
}

fromAddress();
introduce().then(() => { if (!asked.q) welcome(); });
