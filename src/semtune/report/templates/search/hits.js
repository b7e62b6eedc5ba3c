/* One answer as a card: where it is from, its title, the passage, and what can be done with it. */
/* Fields that are shown elsewhere, or of no use to people. */
const AWAY = new Set(["source", "group", "span", "url", "heading", "headings", "path", "part", "parts"]);

const source_of = hit => hit.metadata.source || hit.metadata.path || hit.id.replace(/#\d+$/, "");

/* The headings above a passage: in its metadata, or in a title such as "Document > Chapter > Section". */
function names_of(hit) {
  const { heading, headings } = hit.metadata, parts = (hit.title || hit.id).split(" > ");
  const title = parts.at(-1), known = Array.isArray(headings) ? headings.map(String) :
    typeof heading === "string" && parts.length === 1 ? heading.split(" > ") : parts;
  return { title, path: known.filter(part => part && part !== title) };
}

function score_of(hit) {
  const known = typeof hit.probability === "number";
  const shown = make("span", "score", known ? in_words(hit.probability) : hit.score.toFixed(3));
  shown.title = known ? `Probability of relevance ${Math.round(100 * hit.probability)} %, score ${hit.score.toFixed(3)}`
                      : "Score: bigger is better";
  if (known) shown.classList.add(hit.probability >= 0.7 ? "sure" : hit.probability >= 0.4 ? "maybe" : "unsure");
  return shown;
}

function origin(hit, path) {
  const line = make("div", "origin");
  line.dir = "auto";
  const href = web_address(hit.metadata.url), source = source_of(hit);
  if (!href && !path.length && source === (hit.title || hit.id)) return line;
  const shown = line.appendChild(make(href ? "a" : "span", "source", source));
  if (href) { shown.href = href; shown.rel = "noopener noreferrer"; shown.target = "_blank"; }
  for (const part of path) line.append(make("span", "step", part));
  return line;
}

function heading(hit, title, marked) {
  const top = make("div", "top"), line = make("h2");
  line.dir = "auto";
  const opened = line.appendChild(button("title", "", () => open_document(hit.id, hit)));
  fill(opened, title, marked);
  top.append(line, score_of(hit));
  return top;
}

function tags(hit) {
  const line = make("div", "tags");
  for (const [name, value] of Object.entries(hit.metadata)) {
    const short = ["string", "number", "boolean"].includes(typeof value) && String(value).length <= 80;
    if (AWAY.has(name) || !short) continue;
    const text = `${name}: ${value}`;
    line.append(is_facet(name, value) ? button("tag", text, () => add_filter(name, value)) : make("span", "tag", text));
  }
  return line;
}

function others(hit) {
  const field = ["group", "source"].find(name => typeof hit.metadata[name] === "string" && hit.metadata[name]);
  const text = `${many(hit.others, "more passage")} of this document`;
  if (!field) return make("span", "aside", text);
  return button("plain", text, () =>
    change({ filters: { ...state.filters, [field]: [hit.metadata[field]] }, group: false, k: STEP }));
}

function thumbs(hit) {
  const group = make("span", "thumbs");
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", "Was this useful?");
  for (const [useful, name, label] of [[true, "up", "Useful"], [false, "down", "Not useful"]]) {
    const thumb = button("thumb", undefined, () => give_feedback(hit, useful, group));
    thumb.append(icon(name));
    thumb.setAttribute("aria-label", label);
    thumb.setAttribute("aria-pressed", "false");
    thumb.title = label;
    thumb.dataset.useful = useful;
    group.append(thumb);
  }
  return group;
}

async function give_feedback(hit, useful, group) {
  const answer = await ask("/feedback", { method: "POST", json: { query: state.q, id: hit.id, useful } });
  if (!answer.ok) { tell(answer.message, true); return; }
  for (const thumb of group.children)
    thumb.setAttribute("aria-pressed", String(thumb.dataset.useful === String(useful)));
  tell("Thank you. Your answer is kept.");
}

function acts(hit) {
  const line = make("div", "acts");
  if (hit.others) line.append(others(hit));
  line.append(button("plain", "More like this", () => change({ similar: hit.id, topic: null, k: STEP })));
  if (about.feedback && state.q.trim() && !state.similar) line.append(thumbs(hit));
  return line;
}

function entry(hit, marked, compact = false) {
  const item = make("li"), article = make("article", "hit"), text = make("p", "text folded");
  const { title, path } = names_of(hit);
  article.tabIndex = -1;
  article.dataset.id = hit.id;
  article.classList.toggle("doubtful", typeof hit.probability === "number" && hit.probability < 0.15);
  text.dir = "auto";
  fill_passage(text, hit, marked);
  article.append(origin(hit, path), heading(hit, title, marked), text);
  if (!compact) article.append(tags(hit), acts(hit));
  item.append(article);
  return item;
}

const unfolded = text => text.parentElement.querySelector(".unfold[aria-expanded=true]") !== null;

/* Long texts fold; a text that is only a line or so too long is shown whole. What the reader has opened stays open. */
function fold(list, hits, marked) {
  [...list.querySelectorAll(".text")].forEach((text, place) => {
    if (unfolded(text)) return;
    const left_out = text.querySelector(".left-out") !== null;
    text.parentElement.querySelector(".unfold")?.remove();
    text.classList.add("folded");
    if (!left_out && text.scrollHeight <= text.clientHeight + 40) { text.classList.remove("folded", "cut"); return; }
    text.classList.toggle("cut", text.scrollHeight > text.clientHeight + 4);
    const more = button("plain unfold", "More", () => {
      const open = text.classList.toggle("folded") === false;
      fill_passage(text, hits[place], marked, open);
      text.classList.toggle("cut", !open && text.scrollHeight > text.clientHeight + 4);
      more.textContent = open ? "Less" : "More";
      more.setAttribute("aria-expanded", String(open));
    });
    more.setAttribute("aria-expanded", "false");
    text.after(more);
  });
}
