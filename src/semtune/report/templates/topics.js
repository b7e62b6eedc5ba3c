/* The page of topics. Texts come from the user's data: they are set as text, never as markup. */
const DATA = JSON.parse(document.getElementById("data").textContent), NONE = 65535, AT_ONCE = 25;
const at = id => document.getElementById(id);
const topics = DATA.topics, places = decoded(DATA.places, Uint16Array), topic_of = decoded(DATA.topic_of, Uint16Array);
const number_of = new Map(topics.map((topic, n) => [topic.topic, n]));
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen = -1, limit = AT_ONCE, matching = topics.map((_, n) => n);

function made(tag, words = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = words;
  if (name) element.className = name;
  return element;
}

/* The map. */
const canvas = at("map"), context = canvas.getContext("2d");
const map = { places, topic_of, topics: topics.map(t => ({ ...t, documents: t.x === null ? 0 : t.texts, words: [t.title] })) };
map.grid = gridded(places);
const look = { x: 0, y: 0, scale: 1, size: 3, other: 0 };
let ratio = 1;

function fit() {
  ratio = devicePixelRatio || 1;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  look.scale = Math.min(canvas.width, canvas.height) * 0.92 / SPAN;
  look.x = (canvas.width - SPAN * look.scale) / 2;
  look.y = (canvas.height - SPAN * look.scale) / 2;
  draw();
}

function draw() {
  const style = getComputedStyle(document.documentElement), colour = name => style.getPropertyValue(name).trim();
  look.other = dark.matches ? 0xff48413a : 0xffdad5d0;
  const few = topic_of.length < 3000;
  look.size = Math.max(2, Math.round((few ? 5 : 3) * ratio));
  const seen = chosen < 0 ? topic_of : topic_of.map(topic => topic === chosen ? topic : NONE);
  draw_points(context, { ...map, topic_of: seen }, look, dark.matches);
  const named = chosen < 0 ? map : { ...map, topics: [map.topics[chosen]] };
  draw_names(context, named, look, ratio, colour("--ink"), colour("--card"));
}

function place_of(event) {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
}

function point_at(event) {
  const [x, y] = place_of(event);
  return nearest_point(map, (x - look.x) / look.scale, (y - look.y) / look.scale, REACH * ratio / look.scale);
}

function zoom(x, y, factor) {
  const least = Math.min(canvas.width, canvas.height) * 0.5 / SPAN, wanted = look.scale * factor;
  const scale = Math.max(least, Math.min(wanted, least * 60)), real = scale / look.scale;
  look.x = x - (x - look.x) * real;
  look.y = y - (y - look.y) * real;
  look.scale = scale;
  draw();
}

const fingers = new Map();
let moved = false;
canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place_of(event));
  if (fingers.size === 1) moved = false;
});
canvas.addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) { tip(event); return; }
  const now = place_of(event), others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
  if (Math.hypot(now[0] - before[0], now[1] - before[1]) > 2 * ratio) moved = true;
  else if (!moved) return;
  if (others.length) {
    const far = place => Math.hypot(place[0] - others[0][0], place[1] - others[0][1]) || 1;
    zoom((now[0] + others[0][0]) / 2, (now[1] + others[0][1]) / 2, far(now) / far(before));
  } else {
    look.x += now[0] - before[0];
    look.y += now[1] - before[1];
    draw();
  }
  fingers.set(event.pointerId, now);
});
for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, event => {
  fingers.delete(event.pointerId);
  if (kind === "pointerup" && !moved) {
    const point = point_at(event);
    choose(point >= 0 && topic_of[point] !== NONE && topic_of[point] !== chosen ? topic_of[point] : -1, false);
  }
});
canvas.addEventListener("pointerleave", () => { at("tip").hidden = true; });
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(...place_of(event), Math.exp(-event.deltaY / 400));
}, { passive: false });
canvas.addEventListener("keydown", event => {
  const step = 40 * ratio, move = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (move[event.key]) { look.x += move[event.key][0]; look.y += move[event.key][1]; draw(); }
  else if ("+-".includes(event.key)) zoom(canvas.width / 2, canvas.height / 2, event.key === "+" ? 1.3 : 1 / 1.3);
  else return;
  event.preventDefault();
});

function tip(event) {
  const point = event.pointerType === "mouse" ? point_at(event) : -1, box = at("tip");
  box.hidden = point < 0;
  if (point < 0) return;
  const topic = topics[topic_of[point]], [x, y] = place_of(event).map(value => value / ratio);
  box.textContent = `${topic ? topic.title : "no topic"}: ${DATA.starts[point]}`;
  box.style.left = `${Math.min(x + 12, canvas.clientWidth - box.offsetWidth - 4)}px`;
  box.style.top = `${Math.min(y + 12, canvas.clientHeight - box.offsetHeight - 4)}px`;
}

/* The list. */
function spark(counts) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), most = Math.max(1, ...counts);
  svg.setAttribute("viewBox", `0 0 ${counts.length} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `Texts over time, at most ${most} in one period`);
  counts.forEach((count, n) => {
    const bar = document.createElementNS(svg.namespaceURI, "rect"), tall = count / most;
    for (const [name, value] of Object.entries({ x: n + .08, y: 1 - tall, width: .84, height: tall })) bar.setAttribute(name, value);
    const words = document.createElementNS(svg.namespaceURI, "title");
    words.textContent = `${DATA.periods[n]}: ${count}`;
    bar.append(words);
    svg.append(bar);
  });
  return svg;
}

function card(n, colours) {
  const topic = topics[n], item = made("li"), head = made("div", "", "head"), spot = made("span", "", "spot");
  const open = made("button", topic.title, "plain");
  spot.style.background = `rgb(${colours[n]})`;
  open.type = "button";
  open.setAttribute("aria-expanded", n === chosen);
  open.addEventListener("click", () => choose(n === chosen ? -1 : n, true));
  head.append(spot, open, made("span", topic.texts.toLocaleString("en"), "count"));
  const facts = made("p", `topic ${topic.topic}, stability ${topic.stability.toFixed(2)} `, "facts");
  if (!topic.stable) facts.append(made("b", "unstable", "unsure"));
  item.append(head, facts, made("p", topic.words.join(", "), "keywords"));
  if (topic.counts) {
    const ends = made("div", "", "ends");
    ends.append(made("span", DATA.periods[0]), made("span", DATA.periods.at(-1)));
    item.append(spark(topic.counts), ends);
  }
  const shown = n === chosen ? topic.passages : topic.passages.slice(0, 1);
  item.append(...shown.map(text => made("blockquote", text)));
  if (n === chosen) item.className = "chosen";
  return item;
}

function list() {
  const colours = palette(Math.max(1, topics.length), dark.matches);
  const order = chosen >= 0 ? [chosen, ...matching.filter(n => n !== chosen)] : matching;
  at("topics").replaceChildren(...order.slice(0, limit).map(n => card(n, colours)));
  at("more").hidden = order.length <= limit;
  at("all").hidden = chosen < 0;
  const asked = at("find").value.trim();
  at("found").textContent = asked ? `${matching.length} of ${topics.length} topics hold “${asked}”` : "The largest topics first";
}

function choose(n, from_list) {
  chosen = n;
  draw();
  list();
  if (from_list && n >= 0) at("map").scrollIntoView({ block: "nearest" });
}

at("find").addEventListener("input", () => {
  const words = at("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  matching = topics.map((_, n) => n).filter(n => {
    const text = [topics[n].title, topics[n].topic, ...topics[n].words, ...topics[n].passages].join(" ").toLowerCase();
    return words.every(word => text.includes(word));
  });
  limit = AT_ONCE;
  chosen = -1;
  draw();
  list();
});
at("more").addEventListener("click", () => { limit += 100; list(); });
at("all").addEventListener("click", () => choose(-1, false));

/* The tree; its parts are made when they are opened. */
function branch(node, deep) {
  const item = made("li");
  if (node.topic !== undefined) {
    const n = number_of.get(node.topic), button = made("button", `${topics[n].title} (${node.texts.toLocaleString("en")})`, "plain");
    button.type = "button";
    button.addEventListener("click", () => choose(n, true));
    item.append(button);
    return item;
  }
  const fold = made("details"), inner = made("ul");
  fold.append(made("summary", `${node.words.join(", ")} (${node.texts.toLocaleString("en")})`), inner);
  const fill = () => { if (!inner.childElementCount) inner.append(...node.children.map(child => branch(child, deep + 1))); };
  fold.addEventListener("toggle", fill);
  if (deep < 2) { fill(); fold.open = true; }
  item.append(fold);
  return item;
}
if (DATA.tree.texts !== undefined) at("tree").append(branch(DATA.tree, 0));

dark.addEventListener("change", () => { draw(); list(); });
addEventListener("resize", fit);
fit();
list();
