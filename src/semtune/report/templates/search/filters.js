/* The side of the results: mode, grouping, columns, and filters from the metadata. */
const WORDS = { dense: "meaning", keyword: "words", hybrid: "both" };
const FIRST = 7;  // values of a field that are shown at once
let facets = null, facets_of = null;

const is_facet = (field, value) =>
  Boolean(facets?.fields.some(each => each.field === field && each.values.some(one => one.value === value)));
const modes = () => chosen().modes || ["dense"];

function add_filter(field, value) {
  const values = state.filters[field] || [];
  if (!values.includes(value))
    change({ filters: { ...state.filters, [field]: [...values, value] }, topic: null, k: STEP });
}

function drop_filter(field, value) {
  const left = (state.filters[field] || []).filter(each => each !== value), filters = { ...state.filters };
  if (left.length) filters[field] = left; else delete filters[field];
  return change({ filters, k: STEP });
}

async function load_facets() {
  const name = state.index;
  if (facets_of === name || chosen().documents === null) return;
  facets_of = name;
  const answer = await ask_until_ready("/page/facets" + parameters({ index: name }), () => facets_of === name);
  facets = answer.ok ? answer.data : null;
  show_filters();
}

function choice(field, one) {
  const row = make("li"), label = make("label", "choice"), box_ = make("input");
  box_.type = "checkbox";
  box_.checked = (state.filters[field] || []).includes(one.value);
  box_.addEventListener("change", () =>
    box_.checked ? add_filter(field, one.value) : drop_filter(field, one.value));
  label.append(box_, make("span", "name", String(one.value)), make("span", "count", number.format(one.count)));
  row.append(label);
  return row;
}

function field_set({ field, values }) {
  const set = make("fieldset"), list = make("ul");
  set.append(make("legend", "", field.replaceAll("_", " ")), list);
  list.append(...values.map(one => choice(field, one)));
  [...list.children].slice(FIRST).forEach(row => { row.hidden = !row.querySelector("input").checked; });
  if (values.length > FIRST) {
    const all = button("plain", `All ${values.length}`, () => {
      for (const row of list.children) row.hidden = false;
      list.querySelectorAll("input")[FIRST].focus();
      all.remove();
    });
    set.append(all);
  }
  return set;
}

function chip(text, label, act) {
  const made = button("chip", text, act);
  made.setAttribute("aria-label", label);
  made.append(icon("close"));
  return made;
}

function show_chips() {
  const made = [];
  if (state.similar) made.push(chip(`Like ${title_of(state.similar)}`, "Stop showing similar documents",
                                    () => change({ similar: "", k: STEP })));
  if (state.topic !== null) made.push(chip(`Topic: ${topic_name(state.topic)}`, "All topics",
                                           () => change({ topic: null, k: STEP })));
  for (const [field, values] of Object.entries(state.filters))
    for (const value of values)
      made.push(chip(`${field}: ${value}`, `Take away the filter ${field} ${value}`, () => drop_filter(field, value)));
  at("chips").replaceChildren(...made);
  at("chips").hidden = !made.length;
}

const title_of = id => shown_hits.find(hit => hit.id === id)?.title?.split(" > ").at(-1) || id;

function show_filters() {
  const focused = document.activeElement?.closest?.("#facets") ? document.activeElement : null;
  const named = focused?.closest("label")?.querySelector(".name")?.textContent;
  at("facets").replaceChildren(...(facets?.fields || []).map(field_set));
  if (named) [...at("facets").querySelectorAll("label")].find(
    label => label.querySelector(".name").textContent === named)?.querySelector("input").focus();
  const partly = facets && facets.looked_at < facets.documents;
  at("facets-note").textContent = partly ? `Counted in the first ${number.format(facets.looked_at)} documents.` : "";
  const active = Object.values(state.filters).flat().length;
  at("filter-summary").textContent = active ? `Options and filters (${active})` : "Options and filters";
  show_chips();
}

function show_options() {
  const several = modes().length > 1, own = chosen().mode || "dense";
  at("mode-set").hidden = !several;
  for (const input of document.querySelectorAll("#mode-set input")) {
    input.checked = input.value === (state.mode === "auto" ? own : state.mode);
    input.disabled = state.side;
  }
  at("side-row").hidden = !several;
  at("side").checked = state.side;
  at("group").checked = state.group;
  const others_ = about.served.filter(each => each.documents !== null && each.name !== (state.index || chosen().name));
  at("compare-row").hidden = !others_.length;
  at("compare").replaceChildren(new Option("nothing", ""), ...others_.map(each => new Option(each.name, each.name)));
  at("compare").value = state.compare;
  const indexes = about.served.filter(each => each.documents !== null);
  at("index-row").hidden = indexes.length < 2;
  at("index").replaceChildren(...indexes.map((each, place) => new Option(each.name, place ? each.name : "")));
  at("index").value = state.index;
  show_filters();
}

for (const input of document.querySelectorAll("#mode-set input"))
  input.addEventListener("change", () => change({ mode: input.value, k: STEP }));
at("side").addEventListener("change", event => change({ side: event.target.checked, compare: "", k: STEP }));
at("group").addEventListener("change", event => change({ group: event.target.checked, k: STEP }));
at("compare").addEventListener("change", event => change({ compare: event.target.value, side: false, k: STEP }));
at("index").addEventListener("change", event => {
  facets = null;
  change({ index: event.target.value, compare: "", filters: {}, topic: null, similar: "", k: STEP });
});
