/* What is shown is in the address: state and address say the same, so every view can be linked to. */
const STEP = 10, MOST = 100, VIEWS = ["search", "map", "documents", "status"];
const EMPTY = { view: "search", q: "", k: STEP, mode: "auto", group: true, side: false, compare: "", index: "",
                similar: "", topic: null, filters: {} };
let state = { ...EMPTY };

/* A filter is field:text, or field:=JSON for numbers, truths and odd texts. */
const in_address = value => typeof value === "string" && !value.startsWith("=") ? value : "=" + JSON.stringify(value);

function from_address_text(text) {
  if (!text.startsWith("=")) return text;
  try { return JSON.parse(text.slice(1)); } catch { return text; }
}

function address_of(wanted) {
  const given = new URLSearchParams();
  for (const name of ["q", "compare", "index", "similar"]) if (wanted[name]) given.set(name, wanted[name]);
  if (wanted.view !== "search") given.set("view", wanted.view);
  if (wanted.k > STEP) given.set("k", wanted.k);
  if (wanted.mode !== "auto") given.set("mode", wanted.mode);
  if (!wanted.group) given.set("group", "no");
  if (wanted.side) given.set("side", "yes");
  if (wanted.topic !== null) given.set("topic", wanted.topic);
  for (const [field, values] of Object.entries(wanted.filters))
    for (const value of values) given.append("f", `${field}:${in_address(value)}`);
  const text = given.toString();
  return text ? "/?" + text : "/";
}

function state_of_address() {
  const given = new URLSearchParams(location.search), read = { ...EMPTY, filters: {} };
  for (const name of ["q", "compare", "index", "similar"]) read[name] = given.get(name) || "";
  const view = given.get("view"), topic = Number.parseInt(given.get("topic"), 10);
  read.view = VIEWS.includes(view) ? view : "search";
  read.k = Math.max(1, Math.min(MOST, Number.parseInt(given.get("k"), 10) || STEP));
  read.mode = ["dense", "keyword", "hybrid"].includes(given.get("mode")) ? given.get("mode") : "auto";
  read.group = given.get("group") !== "no";
  read.side = given.get("side") === "yes";
  read.topic = Number.isInteger(topic) && topic >= 0 ? topic : null;
  for (const each of given.getAll("f")) {
    const colon = each.indexOf(":");
    if (colon > 0) (read.filters[each.slice(0, colon)] ||= []).push(from_address_text(each.slice(colon + 1)));
  }
  return read;
}

/* While somebody types, the address follows without filling the browser's history. */
let typing = false;
function change(part, { typed = false } = {}) {
  state = { ...state, ...part };
  const address = address_of(state), here = location.pathname + location.search;
  if (address !== here) {
    if (typed && typing) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }
  typing = typed;
  return show_state();
}

function where() {
  const chosen = Object.entries(state.filters).filter(([, values]) => values.length);
  if (!chosen.length) return undefined;
  return Object.fromEntries(chosen.map(([field, values]) => [field, values.length === 1 ? values[0] : { in: values }]));
}

const asks_nothing = () => !state.q.trim() && !state.similar && state.topic === null;
