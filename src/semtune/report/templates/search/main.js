/* What is served, which view is shown, the keyboard, light and dark. */
let about = { served: [{ name: "", documents: null }], feedback: false }, told_timer = 0;

const chosen = () => about.served.find(each => each.name === state.index) ||
  about.served.find(each => each.documents !== null) || about.served[0];

/* A short message that goes away by itself. */
function tell(text, alarm = false) {
  const toast = at("toast");
  clearTimeout(told_timer);
  toast.textContent = text;
  toast.className = alarm ? "alarm" : "";
  toast.hidden = false;
  told_timer = setTimeout(() => { toast.hidden = true; }, 5000);
}

function welcome() {
  const one = chosen();
  if (about.known && one.documents === null)
    say([`No index is served here, only the model ${one.name} at /v1/embeddings.`,
         "Build an index with “semtune index”, then open it with “semtune serve INDEX”."]);
  else say(["Whole questions work best. The search compares meanings, so it also finds documents that share no word " +
            "with your question."]);
}

async function show_state() {
  document.body.dataset.view = state.view;
  document.body.classList.toggle("asked", !asks_nothing() || state.view !== "search");
  document.body.classList.toggle("own-order", Boolean(state.similar) || state.topic !== null);
  for (const view of VIEWS) at("view-" + view).hidden = state.view !== view;
  for (const link of document.querySelectorAll("nav [data-view]"))
    if (link.dataset.view === state.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  if (box.value.trim() !== state.q.trim()) box.value = state.q;
  const titles_ = { search: state.q.trim() ? `${state.q.trim()} – Search` : "Search", map: "Map",
                    documents: "Documents", status: "Status" };
  document.title = titles_[state.view];
  show_options();
  if (state.view === "map") { fit_canvas(); load_map(); }
  else if (state.topic !== null) load_map();
  show_status();
  if (state.view === "documents" || state.view === "status") return true;
  if (asks_nothing()) { stop(); welcome(); load_facets(); return false; }
  const found = await search();
  load_facets();
  return found;
}

async function introduce() {
  const answer = await ask("/page/about");
  if (!answer.ok) return;
  about = { ...answer.data, known: true };
  const one = chosen(), index = one.documents !== null;
  at("served").textContent = `${one.name} · ${index ? many(one.documents, "document") : "no index"}`;
  document.body.classList.toggle("no-index", !index);
  document.body.classList.toggle("read-only", !one.writable);
  show_options();
}

for (const link of document.querySelectorAll("nav [data-view]"))
  link.addEventListener("click", event => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    change({ view: link.dataset.view });
  });
at("home").addEventListener("click", event => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  change({ ...EMPTY, filters: {}, index: state.index });
  box.focus();
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
}
at("help-button").addEventListener("click", () => at("help").showModal());

/* Light, dark, or as the system is. */
const THEMES = ["auto", "light", "dark"], THEME = "semtune-theme";
const system_dark = matchMedia("(prefers-color-scheme: dark)");
function is_dark() {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || (theme !== "light" && system_dark.matches);
}
function set_theme(theme, keep) {
  document.documentElement.dataset.theme = theme;
  const names = { auto: "as the system", light: "light", dark: "dark" };
  at("theme").setAttribute("aria-label", `Colours: ${names[theme]}. Change`);
  at("theme").title = `Colours: ${names[theme]}`;
  at("theme").replaceChildren(icon(theme));
  if (keep) try { localStorage.setItem(THEME, theme); } catch { /* not kept */ }
  if (map) { list_topics(); draw_soon(); }
}
at("theme").addEventListener("click", () =>
  set_theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length], true));
system_dark.addEventListener("change", () => set_theme(document.documentElement.dataset.theme));

const open_shown = id => open_document(id, shown_hits.find(hit => hit.id === id));

function key_pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  const focused = document.activeElement, in_field = /^(INPUT|TEXTAREA|SELECT)$/.test(focused.tagName);
  const in_box = focused === box, hits = [...columns.querySelectorAll(".hit")];
  const here = hits.findIndex(hit => hit.contains(focused)), on_hit = hits[here] === focused;
  const views = { 1: "search", 2: "map", 3: "documents", 4: "status" };
  if (event.key === "/" && !in_field || event.key === "Escape" && here >= 0) { box.focus(); box.select(); }
  else if (event.key === "Escape" && in_box && box.value) change({ q: "", similar: "", topic: null });
  else if (event.key === "ArrowDown" && (in_box || here >= 0) && hits[here + 1]) hits[here + 1].focus();
  else if (event.key === "ArrowUp" && here >= 0) (hits[here - 1] || box).focus();
  else if (event.key === "Enter" && on_hit) open_shown(focused.dataset.id);
  else if (event.key === "m" && on_hit) change({ similar: focused.dataset.id, topic: null, k: STEP });
  else if (event.key === "?" && !in_field) at("help").showModal();
  else if (views[event.key] && !in_field) change({ view: views[event.key] });
  else return;
  event.preventDefault();
}
addEventListener("keydown", key_pressed);
addEventListener("popstate", () => { typing = false; state = state_of_address(); show_state(); });

/* Beside the results there is room for the options; on a narrow screen they are folded away. */
const narrow = matchMedia("(max-width: 56rem)");
const fold_options = () => { at("options").open = !narrow.matches; };
narrow.addEventListener("change", fold_options);

function first_theme() {
  try { return localStorage.getItem(THEME) || "auto"; } catch { return "auto"; }
}

async function begin() {
  const theme = first_theme();
  set_theme(THEMES.includes(theme) ? theme : "auto");
  fold_options();
  state = state_of_address();
  await introduce();
  show_state();
}
begin();
