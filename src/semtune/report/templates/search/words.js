/* Words: what to mark in a text, where the answer is in it, and how sure a probability is. */
const COMMON = new Set((
  "a an and are as at be but by can could did do does for from had has have how i if in into is it its may me my not " +
  "of on or our shall should so than that the their them then there these they this those to was we were what when " +
  "where which who why will with would you your").split(" "));
const BEFORE = 160;  // characters shown before an answer that is deep in a long text

/* Which words to mark: those of the question that carry meaning, and longer words that begin with one. */
function marker(query) {
  const words = (query.toLowerCase().match(/[\p{L}\p{N}_]+/gu) || []).filter(w => w.length > 1 && !COMMON.has(w));
  const whole = new Set(words), stems = words.filter(w => w.length > 3);
  return word => { const w = word.toLowerCase(); return whole.has(w) || stems.some(stem => w.startsWith(stem)); };
}

/* Append a text as text nodes, the marked words in <strong>. */
function fill(element, text, marked) {
  let plain = "";
  for (const part of text.split(/([\p{L}\p{N}_]+)/gu)) {
    if (!marked(part)) { plain += part; continue; }
    element.append(plain, make("strong", "", part));
    plain = "";
  }
  element.append(plain);
}

/* The server counts characters as Python does: whole ones, where JavaScript counts some as two. */
function slices(text, span) {
  if (!span) return [text, "", ""];
  const whole = /[\ud800-\udbff]/.test(text) ? [...text] : null;
  const cut = (from, to) => whole ? whole.slice(from, to).join("") : text.slice(from, to);
  return [cut(0, span[0]), cut(span[0], span[1]), cut(span[1])];
}

/* Fill a passage: the sentence that answers is a <mark>; of a long text that comes before it, only the end is shown. */
function fill_passage(element, hit, marked, whole) {
  const [before, answer, after] = slices(hit.text, hit.highlight);
  let start = before.trimStart(), left_out = false;
  if (answer && !whole && start.length > 2 * BEFORE) {
    start = start.slice(-BEFORE).replace(/^\S*\s+/, "");
    left_out = true;
  }
  element.replaceChildren();
  if (left_out) element.append(make("span", "left-out", "… "));
  fill(element, start, marked);
  if (answer) {
    const mark = make("mark");
    fill(mark, answer, marked);
    element.append(mark);
  }
  fill(element, after.trimEnd(), marked);
  return left_out;
}

const SURE = [[0.9, "almost certainly relevant"], [0.7, "probably relevant"], [0.4, "may be relevant"],
              [0.15, "probably not relevant"], [0, "almost certainly not relevant"]];
const in_words = probability => SURE.find(([least]) => probability >= least)[1];

function clock(ms) {
  return ms < 10 ? ms.toFixed(1) : number.format(Math.round(ms));
}
