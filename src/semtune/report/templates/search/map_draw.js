/* Drawing 100,000 points: into the pixels of the canvas, not as shapes. */
const SPAN = 65535, GRID = 256, REACH = 12;  // of places; cells of the grid; pixels within which a point is hit

function decoded(text, Kind) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return Kind === Uint8Array ? bytes : new Kind(bytes.buffer);
}

/* Points by the cell of a grid that they are in, so that the one under the mouse is found at once. */
function gridded(places) {
  const count = places.length / 2, starts = new Uint32Array(GRID * GRID + 1), order = new Uint32Array(count);
  const cell = n => (places[2 * n + 1] * GRID / (SPAN + 1) | 0) * GRID + (places[2 * n] * GRID / (SPAN + 1) | 0);
  for (let n = 0; n < count; n++) starts[cell(n) + 1]++;
  for (let c = 0; c < GRID * GRID; c++) starts[c + 1] += starts[c];
  const next = starts.slice();
  for (let n = 0; n < count; n++) order[next[cell(n)]++] = n;
  return { starts, order };
}

/* The point nearest to (x, y) within `reach`, all in units of places; -1: none. */
function nearest_point(map, x, y, reach) {
  const { starts, order } = map.grid, side = (SPAN + 1) / GRID;
  const clamp = value => Math.max(0, Math.min(GRID - 1, Math.floor(value / side)));
  let best = -1, least = reach * reach;
  for (let row = clamp(y - reach); row <= clamp(y + reach); row++)
    for (let column = clamp(x - reach); column <= clamp(x + reach); column++)
      for (let at_ = starts[row * GRID + column]; at_ < starts[row * GRID + column + 1]; at_++) {
        const n = order[at_], dx = map.places[2 * n] - x, dy = map.places[2 * n + 1] - y, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = n; }
      }
  return best;
}

/* Colours around the circle by the golden angle: neighbours in the list differ. As [red, green, blue]. */
function palette(count, dark) {
  return Array.from({ length: count }, (_, n) => {
    const hue = (n * 137.508) % 360, light = (dark ? 0.66 : 0.5) + (n % 3 - 1) * 0.07, vivid = dark ? 0.6 : 0.62;
    const part = shift => {
      const k = (shift + hue / 30) % 12;
      return Math.round(255 * (light - vivid * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    };
    return [part(0), part(8), part(4)];
  });
}

/* The pixels of a dot, as offsets from its middle. */
function dot(size) {
  const offsets = [], middle = (size - 1) / 2;
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++)
    if (size < 3 || (x - middle) ** 2 + (y - middle) ** 2 <= (size / 2) ** 2) offsets.push([x, y]);
  return offsets;
}

function draw_points(context, map, look, dark) {
  const { width, height } = context.canvas, image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer), { places, topic_of } = map;
  const packed = ([red, green, blue]) => (255 << 24 | blue << 16 | green << 8 | red) >>> 0;
  const colours = palette(Math.max(1, map.topics.length), dark).map(packed);
  const size = look.size, offsets = dot(size).map(([x, y]) => y * width + x), half = size >> 1;
  for (let n = 0; n < topic_of.length; n++) {
    const x = Math.round(places[2 * n] * look.scale + look.x) - half;
    const y = Math.round(places[2 * n + 1] * look.scale + look.y) - half;
    if (x < 0 || y < 0 || x + size >= width || y + size >= height) continue;
    const start = y * width + x, colour = colours[topic_of[n]] ?? look.other;
    for (let o = 0; o < offsets.length; o++) pixels[start + offsets[o]] = colour;
  }
  context.putImageData(image, 0, 0);
}

/* Names of topics, the largest first; one that would cover another is left out until there is room. */
function draw_names(context, map, look, ratio, ink, paper) {
  const taken = [];
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const topic of map.topics) {
    if (!topic.documents) continue;
    const text = topic.words.slice(0, 2).join(", "), half = context.measureText(text).width / 2 + 6 * ratio;
    const x = topic.x * look.scale + look.x, y = topic.y * look.scale + look.y, tall = 11 * ratio;
    const covers = taken.some(other => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < 2 * tall);
    if (covers || x < half || y < tall || x > context.canvas.width - half || y > context.canvas.height - tall) continue;
    taken.push({ x, y, half, tall, topic: topic.topic });
    context.lineWidth = 4 * ratio;
    context.strokeStyle = paper;
    context.strokeText(text, x, y);
    context.fillStyle = ink;
    context.fillText(text, x, y);
  }
  return taken;
}

function draw_rings(context, map, look, ratio, rows, ink, paper) {
  for (const n of rows) {
    const x = map.places[2 * n] * look.scale + look.x, y = map.places[2 * n + 1] * look.scale + look.y;
    for (const [wide, colour] of [[5, paper], [2.5, ink]]) {
      context.beginPath();
      context.arc(x, y, 7 * ratio, 0, 2 * Math.PI);
      context.lineWidth = wide * ratio;
      context.strokeStyle = colour;
      context.stroke();
    }
  }
}
