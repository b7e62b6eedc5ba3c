/* The map of the corpus: pan, zoom, names under the mouse, a click opens the document; topics filter the search. */
const canvas = at("canvas"), tip = at("tip"), pointers = new Map(), titles = new Map();
let map = null, map_of = null, look = null, rings = [], frame = 0, pointed = -1, labels = [], moved = 0, pinch = 0;

const ratio = () => window.devicePixelRatio || 1;
const topic_name = topic => map?.topics[topic]?.words.join(", ") || String(topic);

async function load_map() {
  const name = state.index;
  if (map && map_of === name) return;
  map = null;
  map_of = name;
  at("map-said").textContent = "Drawing the map. This takes a while for a large index.";
  const answer = await ask_until_ready("/page/map" + parameters({ index: name }),
                                       () => map_of === name && (state.view === "map" || state.topic !== null));
  if (map_of !== name) return;
  if (!answer.ok) { map_of = null; at("map-said").textContent = answer.message; return; }
  const { places, topic_of, ...facts } = answer.data;
  map = { ...facts, places: decoded(places, Uint16Array), topic_of: decoded(topic_of, Uint8Array) };
  map.grid = gridded(map.places);
  titles.clear();
  const sampled = map.points < map.documents ? `, ${number.format(map.points)} of them drawn` : "";
  at("map-said").textContent = map.points ? `${many(map.documents, "document")}${sampled}. ` +
    "Near each other means alike." : "The index holds no documents.";
  list_topics();
  whole_map();
  show_chips();
  ring_hits(shown_hits.map(hit => hit.id));
}

function list_topics() {
  const colours = palette(map.topics.length, is_dark());
  at("topics").replaceChildren(...map.topics.filter(topic => topic.documents).map(topic => {
    const item = make("li"), made = button("topic", undefined, () => choose_topic(topic.topic)), dot_ = make("i");
    dot_.style.background = `rgb(${colours[topic.topic].join(" ")})`;
    dot_.setAttribute("aria-hidden", "true");
    made.append(dot_, make("span", "name", topic.words.join(", ") || "other"),
                make("span", "count", number.format(topic.documents)));
    item.append(made);
    return item;
  }));
}

const choose_topic = topic => change({ view: "search", topic, similar: "", filters: {}, k: STEP });

function whole_map() {
  const { width, height } = canvas, scale = Math.min(width, height) * 0.94 / SPAN;
  look = { scale, x: (width - SPAN * scale) / 2, y: (height - SPAN * scale) / 2, first: scale };
  draw_soon();
}

function fit_canvas() {
  const width = Math.round(canvas.clientWidth * ratio()), height = Math.round(canvas.clientHeight * ratio());
  if (!width || (canvas.width === width && canvas.height === height)) return;
  canvas.width = width;
  canvas.height = height;
  if (map) whole_map();
}

function draw_soon() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (map && look && canvas.width) draw();
  });
}

function draw() {
  const context = canvas.getContext("2d"), dark = is_dark(), began = performance.now();
  const colours = getComputedStyle(document.documentElement);
  const ink = colours.getPropertyValue("--ink"), paper = colours.getPropertyValue("--card");
  const dense = map.points > 30000 ? 2 : map.points > 5000 ? 3 : 5;
  const grown = Math.log2(look.scale / look.first);
  look.size = Math.max(1, Math.min(11, Math.round((dense + Math.max(0, grown) * 1.4) * ratio())));
  draw_points(context, map, look, dark);
  labels = draw_names(context, map, look, ratio(), ink, paper);
  draw_rings(context, map, look, ratio(), pointed >= 0 ? [...rings, pointed] : rings, ink, paper);
  canvas.dataset.drawn = (performance.now() - began).toFixed(1);
}

function zoom(by, x, y) {
  if (!look) return;
  const scale = Math.max(look.first * 0.5, Math.min(look.first * 200, look.scale * by)), part = scale / look.scale;
  look.x = x - (x - look.x) * part;
  look.y = y - (y - look.y) * part;
  look.scale = scale;
  draw_soon();
}

const zoom_middle = by => zoom(by, canvas.width / 2, canvas.height / 2);
const place_of = event => [event.offsetX * ratio(), event.offsetY * ratio()];

function point_at(event) {
  if (!map) return -1;
  const [x, y] = place_of(event), reach = REACH * ratio() / look.scale;
  return nearest_point(map, (x - look.x) / look.scale, (y - look.y) / look.scale, reach);
}

async function title_at(point) {
  if (!titles.has(point)) {
    const answer = await ask("/page/map/titles" + parameters({ at: point, index: state.index }));
    if (!answer.ok || answer.status === 202) return null;
    titles.set(point, answer.data.points[0]);
  }
  return titles.get(point);
}

let hovering = 0;
function hover(event) {
  const point = point_at(event);
  if (point !== pointed) { pointed = point; draw_soon(); }
  canvas.style.cursor = point >= 0 || label_at(event) ? "pointer" : "grab";
  clearTimeout(hovering);
  if (point < 0) { tip.hidden = true; return; }
  hovering = setTimeout(async () => {
    const found = await title_at(point);
    if (pointed !== point) return;
    tip.replaceChildren(make("b", "", found ? found.title || found.id : "no longer in the index"),
                        make("span", "", found?.text || ""));
    tip.hidden = false;
    const left = Math.min(event.offsetX + 14, canvas.clientWidth - tip.offsetWidth - 8);
    const above = event.offsetY + tip.offsetHeight + 24 > canvas.clientHeight;
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = (above ? event.offsetY - tip.offsetHeight - 12 : event.offsetY + 16) + "px";
  }, 40);
}

function label_at(event) {
  const [x, y] = place_of(event);
  return labels.find(one => Math.abs(one.x - x) < one.half && Math.abs(one.y - y) < one.tall);
}

async function pick(event) {
  const label = label_at(event), point = point_at(event);
  if (label) { choose_topic(label.topic); return; }
  if (point < 0) return;
  const found = await title_at(point);
  if (found) open_document(found.id);
  else tell("This document is no longer in the index.", true);
}

const apart = () => {
  const [one, two] = [...pointers.values()];
  return Math.hypot(one.x - two.x, one.y - two.y);
};

canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  if (pointers.size === 1) moved = 0;
  if (pointers.size === 2) pinch = apart();
});
canvas.addEventListener("pointermove", event => {
  const before = pointers.get(event.pointerId);
  if (!before || !look) { hover(event); return; }
  const dx = event.offsetX - before.x, dy = event.offsetY - before.y;
  moved += Math.abs(dx) + Math.abs(dy);
  pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  if (pointers.size === 2) {
    const now = apart(), [one, two] = [...pointers.values()];
    zoom(now / Math.max(1, pinch), (one.x + two.x) / 2 * ratio(), (one.y + two.y) / 2 * ratio());
    pinch = now;
  } else if (moved > 4) {
    look.x += dx * ratio();
    look.y += dy * ratio();
    tip.hidden = true;
    draw_soon();
  }
});
canvas.addEventListener("pointerup", event => {
  pointers.delete(event.pointerId);
  if (moved <= 4 && map) pick(event);
});
canvas.addEventListener("pointercancel", event => pointers.delete(event.pointerId));
canvas.addEventListener("pointerleave", () => {
  pointed = -1;
  clearTimeout(hovering);
  tip.hidden = true;
  draw_soon();
});
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...place_of(event));
}, { passive: false });
canvas.addEventListener("keydown", event => {
  const step = 60 * ratio(), way = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step],
                                     ArrowDown: [0, -step] }[event.key];
  if (!look || event.ctrlKey || event.metaKey || event.altKey) return;
  if (way) { look.x += way[0]; look.y += way[1]; draw_soon(); }
  else if (event.key === "+" || event.key === "=") zoom_middle(1.5);
  else if (event.key === "-") zoom_middle(1 / 1.5);
  else if (event.key === "0") whole_map();
  else return;
  event.preventDefault();
});
at("zoom-in").addEventListener("click", () => zoom_middle(1.6));
at("zoom-out").addEventListener("click", () => zoom_middle(1 / 1.6));
at("zoom-all").addEventListener("click", whole_map);
new ResizeObserver(fit_canvas).observe(canvas);

/* The results of a search are ringed on the map. */
async function ring_hits(ids) {
  rings = [];
  if (state.view !== "map" || !map) return;
  draw_soon();
  if (!ids.length) return;
  const mine = latest, given = new URLSearchParams(ids.map(id => ["id", id]));
  if (state.index) given.set("index", state.index);
  const answer = await ask(`/page/map/places?${given}`);
  if (!answer.ok || answer.status === 202 || mine !== latest) return;
  rings = answer.data.places.filter(place => place !== null);
  draw_soon();
}
