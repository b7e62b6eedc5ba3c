/* The state of the server for those who run it: what is served, and how busy it is. */
const EVERY = 5000;
let status_timer = 0, before = null;

/* Prometheus' text: [{name, labels, value}]. */
function samples(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const labels = Object.fromEntries([...(parts[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(m => [m[1], m[2]]));
    found.push({ name: parts[1], labels, value: Number(parts[3].replace("+Inf", "Infinity")) });
  }
  return found;
}

const total = (all, name) => {
  const mine = all.filter(one => one.name === name);
  return mine.length ? mine.reduce((sum, one) => sum + one.value, 0) : null;
};

/* The share of a histogram's values below which `part` of them lie, interpolated within a bucket; in its own unit. */
function quantile(all, name, part) {
  const sums = new Map();
  for (const one of all) if (one.name === name + "_bucket") {
    const end = Number(one.labels.le.replace("+Inf", "Infinity"));
    sums.set(end, (sums.get(end) || 0) + one.value);
  }
  const ends = [...sums.keys()].sort((a, b) => a - b), count = sums.get(Infinity);
  if (!count) return null;
  let low = 0, below = 0;
  for (const end of ends) {
    const here = sums.get(end);
    if (here >= part * count) return end === Infinity ? low : low + (end - low) * (part * count - below) / Math.max(1, here - below);
    [low, below] = [end, here];
  }
  return null;
}

const LATENCY = ["semtune_search_duration", "te_request_duration"];
const COUNTS = ["te_request_count"];

function load_tiles(all, seconds) {
  const tiles = [], requests = COUNTS.map(name => total(all, name) ?? total(all, name + "_total")).find(n => n !== null);
  if (requests !== undefined) {
    tiles.push(["requests since the start", number.format(requests)]);
    if (before !== null && seconds > 0) tiles.push(["requests a second", Math.max(0, (requests - before) / seconds).toFixed(1)]);
    before = requests;
  }
  const queue = total(all, "te_queue_size");
  if (queue !== null) tiles.push(["waiting requests", number.format(queue)]);
  const name = LATENCY.find(each => all.some(one => one.name === each + "_bucket"));
  if (name) for (const [label, part] of [["median latency", 0.5], ["slowest 1 % above", 0.99]]) {
    const value = quantile(all, name, part);
    if (value !== null) tiles.push([label, `${clock(value * 1000)} ms`]);
  }
  const memory = total(all, "process_resident_memory_bytes");
  if (memory !== null) tiles.push(["memory", `${number.format(Math.round(memory / 2 ** 20))} MiB`]);
  return tiles;
}

function tile([label, value]) {
  const made = make("div", "tile");
  made.append(make("dt", "", label), make("dd", "", value));
  return made;
}

function served_card(one) {
  const card = make("section", "card"), list = make("dl", "pairs");
  const facts = { documents: one.documents === null ? "no index, embeddings only" : number.format(one.documents),
    model: one.model, "tuned from": one.base, dimension: one.dimension, runtime: one.runtime,
    index: one.backend && `${one.backend}, ${one.index_type}`, "version of the index": one.version === "." ? "the first" : one.version,
    "searched by": one.mode && WORDS[one.mode], probabilities: one.calibrated ? "calibrated" : "not calibrated",
    "can be written": one.documents === null ? "" : one.writable ? "yes" : "no", fingerprint: one.fingerprint.slice(0, 12) };
  for (const [name, value] of Object.entries(facts))
    if (value !== undefined && value !== null && value !== "")
      list.append(make("dt", "", name), make("dd", "", String(value)));
  card.append(make("h3", "", one.name), list);
  return card;
}

let looked = 0;
async function show_status() {
  clearTimeout(status_timer);
  if (state.view !== "status") { before = null; return; }
  const began = performance.now(), health = await ask("/health", { quiet: true }), took = performance.now() - began;
  await introduce();
  const metrics = await ask("/metrics", { quiet: true }), now = performance.now();
  const tiles = [["server", health.ok ? "ready" : health.message], ["answer of /health", `${clock(took)} ms`]];
  if (metrics.ok) tiles.push(...load_tiles(samples(String(metrics.data)), (now - looked) / 1000));
  looked = now;
  at("tiles").replaceChildren(...tiles.map(tile));
  at("served-list").replaceChildren(...about.served.map(served_card));
  at("status-said").textContent = metrics.ok ? "" : "This server gives no numbers at /metrics.";
  status_timer = setTimeout(show_status, EVERY);
}
