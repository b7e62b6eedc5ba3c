/* The state of the server for those who run it: what is served, and how busy it is. */
const EVERY = 5000;
let status_timer = 0, before = null;

/* Prometheus' text: [{name, labels, value}]. */
function samples(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const pairs = [...(parts[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]);
    const labels = Object.fromEntries(pairs);
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
    if (here >= part * count)
      return end === Infinity ? low : low + (end - low) * (part * count - below) / Math.max(1, here - below);
    [low, below] = [end, here];
  }
  return null;
}

function many_or_none(all, name) {
  const value = total(all, name);
  return value === null ? null : number.format(value);
}

/* The load in words: [label, value]; what this server does not count is left out. */
function load_tiles(all, seconds) {
  const requests = total(all, "te_request_count"), rate = before === null || requests === null || seconds <= 0 ? null :
    (Math.max(0, requests - before) / seconds).toFixed(1);
  before = requests;
  const latency = part => {
    const value = quantile(all, "te_request_duration", part);
    return value === null ? null : `${clock(value * 1000)} ms`;
  };
  const memory = total(all, "process_resident_memory_bytes");
  return [
    ["requests since the start", many_or_none(all, "te_request_count")], ["requests a second", rate],
    ["refused or failed", many_or_none(all, "te_request_failure")],
    ["in progress", many_or_none(all, "semtune_http_requests_in_progress")],
    ["waiting", many_or_none(all, "te_queue_size")],
    ["median latency", latency(0.5)], ["99 % are below", latency(0.99)],
    ["memory", memory === null ? null : `${number.format(Math.round(memory / 2 ** 20))} MiB`],
  ].filter(([, value]) => value !== null);
}

function tile([label, value]) {
  const made = make("div", "tile");
  made.append(make("dt", "", label), make("dd", "", value));
  return made;
}

const version_of = one => one.version === "." ? "the first" : one.version;

function facts_of(one, inside) {
  const index = one.documents !== null, deleted = inside?.statistics?.deleted;
  return {
    documents: index ? number.format(one.documents) : "no index, embeddings only", model: one.model,
    "tuned from": one.base, dimension: one.dimension, runtime: one.runtime,
    index: one.backend && `${one.backend}, ${one.index_type}`, version: version_of(one),
    "searched by": one.mode && WORDS[one.mode], probabilities: one.calibrated ? "calibrated" : "not calibrated",
    "can be written": index ? (one.writable ? "yes" : "no") : "",
    size: inside?.bytes ? `${number.format(Math.round(inside.bytes / 2 ** 20))} MiB` : "",
    "deleted rows": deleted === undefined ? "" : number.format(deleted), "running job": inside?.running,
    fingerprint: one.fingerprint.slice(0, 12),
  };
}

function served_card(one, inside) {
  const card = make("section", "card"), list = make("dl", "pairs");
  for (const [name, value] of Object.entries(facts_of(one, inside)))
    if (value !== undefined && value !== null && value !== "")
      list.append(make("dt", "", name), make("dd", "", String(value)));
  card.append(make("h3", "", one.name), list);
  return card;
}

/* What only operators may see; without an admin key nothing. */
async function inside_of(one) {
  if (!one.writable) return null;
  const answer = await ask(`/admin/indexes/${encodeURIComponent(one.name)}`, { quiet: true });
  return answer.ok ? answer.data : null;
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
  const insides = await Promise.all(about.served.map(inside_of));
  at("served-list").replaceChildren(...about.served.map((one, place) => served_card(one, insides[place])));
  at("status-said").textContent = metrics.ok ? "" : "This server gives no numbers at /metrics.";
  status_timer = setTimeout(show_status, EVERY);
}
