/* Searching: results while typing, the last question wins, and what is there stays until the next answer is. */
/* Milliseconds: from the last key to the search, and from its results to the search for the answering sentences. */
const PAUSE = 120, SETTLED = 350;
const form = at("form"), box = at("box"), status = at("status"), note = at("note"), columns = at("columns");
const further = at("further");
let latest = 0, running = null, timer = 0, shown_hits = [];

function say(lines, alarm) {
  note.replaceChildren(...lines.map(line => make("p", "", line)));
  note.className = alarm ? "note alarm" : "note";
  note.hidden = lines.length === 0;
}

function body_of(more = {}) {
  const body = { query: state.q, k: state.k };
  if (state.mode !== "auto") body.mode = state.mode;
  if (state.group) body.group_by = "document";
  if (state.index) body.index = state.index;
  if (where()) body.where = where();
  return { ...body, ...more };
}

/* What to ask: one question, or the same one in several ways that are shown side by side. */
function plans() {
  const index = state.index;
  if (state.similar)
    return [{ path: `/similar/${encodeURIComponent(state.similar)}` + parameters({
      k: state.k, index, group_by: state.group ? "document" : "", where: where() ? JSON.stringify(where()) : "" }) }];
  if (state.topic !== null)
    return [{ path: `/page/map/topics/${state.topic}` + parameters({ q: state.q.trim(), k: state.k, index }) }];
  if (state.compare) {
    const known = about.served.find(each => each.name === state.compare)?.modes?.includes(state.mode);
    return [{ name: chosen().name || "this index", json: body_of() },
            { name: state.compare,
              json: body_of({ index: state.compare, ...(known ? {} : { mode: "auto" }) }) }];
  }
  if (state.side)
    return modes().map(mode => ({ name: mode, label: `By ${WORDS[mode]} (${mode})`, json: body_of({ mode }) }));
  return [{ json: body_of(), highlights: true }];
}

const ask_plan = (plan, signal, more = {}) =>
  plan.path ? ask(plan.path, { signal }) : ask("/search", { method: "POST", json: { ...plan.json, ...more }, signal });

async function search() {
  const mine = ++latest;
  clearTimeout(timer);
  running?.abort();
  running = new AbortController();
  const { signal } = running, asked = plans();
  const slow = setTimeout(() => { status.textContent = "Searching…"; columns.classList.add("stale"); }, 400);
  const began = performance.now();
  try {
    let answers = await Promise.all(asked.map(plan => ask_plan(plan, signal)));
    while (answers.some(answer => answer.status === 202 || answer.status === 429) && mine === latest) {
      await wait(answers.some(answer => answer.status === 429) ? 1000 : 700);
      if (mine !== latest) return false;
      answers = await Promise.all(asked.map(plan => ask_plan(plan, signal)));
    }
    if (mine !== latest) return false;
    const failed = answers.find(answer => !answer.ok);
    if (failed) { fail(failed.message); return false; }
    show(asked, answers.map(answer => answer.data), performance.now() - began);
    if (asked[0].highlights) timer = setTimeout(() => highlight(asked[0], mine, signal), SETTLED);
    return true;
  } catch (error) {
    if (given_up(error)) return false;
    throw error;
  } finally {
    clearTimeout(slow);
    if (mine === latest) columns.classList.remove("stale");
  }
}

function show(asked, answers, took) {
  const marked = marker(state.similar ? "" : state.q), several = asked.length > 1;
  columns.classList.toggle("several", several);
  columns.replaceChildren(...answers.map((answer, place) => {
    const column = make("section", "column"), list = make("ol");
    list.setAttribute("aria-label", several ? `Results of ${asked[place].name}` : "Results");
    if (!several) list.id = "hits";
    list.append(...answer.hits.map(hit => entry(hit, marked, several)));
    if (several) column.append(make("h2", "column-name", asked[place].label || asked[place].name));
    if (several && !answer.hits.length) column.append(make("p", "aside", "Nothing found."));
    column.append(list);
    return column;
  }));
  const lists = [...columns.querySelectorAll("ol")];
  lists.forEach((list, place) => fold(list, answers[place].hits, marked));
  if (several) tell_ranks(asked, answers, lists);
  shown_hits = answers[0].hits;
  tell_count(answers, took);
  ring_hits(shown_hits.map(hit => hit.id));
}

function tell_count(answers, took) {
  const { hits, warnings = [], took_ms = took } = answers[0];
  const count = hits.length, best = hits[0]?.probability;
  const doubt = typeof best === "number" && best < 0.4 && !state.similar;
  const how = state.similar || (state.topic !== null && !state.q.trim()) ? "most typical first" : "closest first";
  status.textContent = answers.length > 1 ? `Side by side · ${clock(took)} ms` :
    count ? `${many(count, "document")}, ${state.similar ? "most similar first" : how} · ${clock(took_ms)} ms` : "";
  const lines = [...warnings];
  if (!count && answers.length === 1) lines.push(why_nothing());
  if (doubt) lines.push("These documents probably do not answer the question.");
  say(lines);
  further.hidden = answers.every(answer => answer.hits.length < state.k) || state.k >= MOST;
}

function why_nothing() {
  if (where()) return "No document passes the filters. Take one away.";
  if (state.mode === "keyword") return "No document has these words. Try the mode “meaning”.";
  return chosen().documents ? "Nothing was found." : "The index holds no documents, so there is nothing to find.";
}

/* In columns, say where else a document was found. */
function tell_ranks(asked, answers, lists) {
  const ranks = answers.map(answer => new Map(answer.hits.map((hit, rank) => [hit.id, rank + 1])));
  lists.forEach((list, mine) => [...list.querySelectorAll(".hit")].forEach((article, rank) => {
    const id = article.dataset.id, line = make("p", "ranks");
    const elsewhere = asked.map((plan, place) => place !== mine && ranks[place].has(id)
      ? `${ranks[place].get(id)}. in ${plan.name}` : "").filter(Boolean);
    line.textContent = `${rank + 1}. here · ${elsewhere.length ? elsewhere.join(" · ") : "only here"}`;
    if (!elsewhere.length) line.classList.add("alone");
    article.prepend(line);
  }));
}

/* The sentences that answer come after the results: finding them takes longer than the search. Nothing moves. */
async function highlight(plan, mine, signal) {
  try {
    const answer = await ask_plan(plan, signal, { highlight: true });
    if (!answer.ok || mine !== latest) return;
    const list = at("hits"), marked = marker(state.q), found = new Map(answer.data.hits.map(hit => [hit.id, hit]));
    const hits = shown_hits.map(hit => ({ ...hit, highlight: found.get(hit.id)?.highlight }));
    [...list.querySelectorAll(".text")].forEach((text, place) => {
      if (!unfolded(text)) fill_passage(text, hits[place], marked);
    });
    shown_hits = hits;
    fold(list, hits, marked);
    columns.dataset.highlighted = mine;
  } catch (error) { if (!given_up(error)) throw error; }
}

function fail(message) {
  columns.replaceChildren();
  shown_hits = [];
  further.hidden = true;
  status.textContent = "";
  say([message], true);
}

function stop() {
  latest++;
  clearTimeout(timer);
  running?.abort();
  columns.replaceChildren();
  columns.classList.remove("stale", "several");
  shown_hits = [];
  further.hidden = true;
  status.textContent = "";
  ring_hits([]);
}

let typed = 0;
box.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => change({ q: box.value, k: STEP, similar: "", view: on_map() }, { typed: true }), PAUSE);
});
form.addEventListener("submit", event => {
  event.preventDefault();
  clearTimeout(typed);
  change({ q: box.value.trim(), k: STEP, similar: "", view: on_map() });
});
further.addEventListener("click", async () => {
  const seen = columns.querySelectorAll("#hits .hit").length;
  await change({ k: Math.min(MOST, state.k + STEP) });
  columns.querySelectorAll("#hits .hit")[seen]?.focus();
});
const on_map = () => state.view === "map" ? "map" : "search";
