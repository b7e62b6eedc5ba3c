"use strict";
const at = id => document.getElementById(id);
const list = at("answers"), note = at("note");
const FOLDED = 40;
let judge = "", grades = [], questions = [], shown = null, active = 0, busy = Promise.resolve();

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/* Talking to the server. Writes wait for each other, so that grades arrive in the order in which they were given. */
async function call(path, body) {
  let response;
  try {
    response = await fetch(path, body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch { throw new Error("The server cannot be reached. Start it again and reload: what was stored is kept."); }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(String(answer.detail || `The server answered with an error (${response.status}).`));
  return answer;
}

function queue(work) {
  busy = busy.then(work).catch(error => fail(error.message));
  return busy;
}

function fail(message) {
  note.replaceChildren(make("p", "", message));
  note.className = "note alarm";
  note.hidden = false;
  note.scrollIntoView({ block: "nearest" });
}

const quiet = () => { note.hidden = true; };
const position = id => questions.findIndex(one => one.id === id);
const current = () => shown && questions[position(shown.id)];

/* What is on the page. */
function answer(one, number) {
  const item = make("li"), article = make("article", "hit"), text = make("p", "text folded", one.text.trim());
  article.tabIndex = -1;
  text.dir = "auto";
  if (one.title) { const title = make("h2", "", one.title); title.dir = "auto"; article.append(title); }
  article.append(text, buttons(one, number));
  article.addEventListener("click", () => choose(number, false));
  item.append(article);
  return item;
}

function buttons(one, number) {
  const row = make("div", "grades");
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Grade");
  for (const each of grades) {
    const button = make("button", `grade g${each.grade}`);
    button.type = "button";
    button.title = each.meaning;
    button.append(make("b", "", String(each.grade)), " ", make("span", "", each.word));
    button.setAttribute("aria-pressed", String(one.grade === each.grade));
    button.addEventListener("click", event => { event.stopPropagation(); give(number, each.grade); });
    row.append(button);
  }
  return row;
}

/* Long texts fold; a text that is only a line or so too long is shown whole. */
function fold() {
  for (const text of list.querySelectorAll(".text.folded:not(.cut)")) {
    if (text.scrollHeight <= text.clientHeight + FOLDED) { text.classList.remove("folded"); continue; }
    text.classList.add("cut");
    const more = make("button", "plain", "More");
    more.type = "button";
    more.setAttribute("aria-expanded", "false");
    more.addEventListener("click", event => {
      event.stopPropagation();
      const open = text.classList.toggle("folded") === false;
      text.classList.toggle("cut", !open);
      more.textContent = open ? "Less" : "More";
      more.setAttribute("aria-expanded", String(open));
    });
    text.after(more);
  }
}

function paint() {
  const here = current();
  const finished = questions.filter(one => one.graded >= one.answers).length;
  at("bar").style.width = `${questions.length ? 100 * finished / questions.length : 0}%`;
  at("who").textContent = judge;
  if (!here) return;
  const graded = shown.answers.filter(one => one.grade !== null).length;
  at("place").textContent =
    `Question ${position(here.id) + 1} of ${questions.length} · ${graded}/${shown.answers.length} graded`;
  [...list.children].forEach((item, number) => {
    const one = shown.answers[number], article = item.firstChild;
    article.classList.toggle("active", number === active);
    article.classList.toggle("done", one.grade !== null);
    article.querySelectorAll(".grade").forEach((button, grade) =>
      button.setAttribute("aria-pressed", String(one.grade === grade)));
  });
  at("rest").hidden = graded === shown.answers.length;
  at("back").disabled = position(here.id) <= 0;
}

function choose(number, scroll = true) {
  active = Math.max(0, Math.min(number, shown.answers.length - 1));
  paint();
  const article = list.children[active]?.firstChild;
  if (!article) return;
  article.focus({ preventScroll: true });
  if (scroll) article.scrollIntoView({ block: "nearest" });
}

function only(id) {
  for (const part of ["name-form", "answers", "all", "done"]) at(part).hidden = part !== id;
  const judging = id === "answers";
  for (const part of ["legend", "question"]) at(part).hidden = !judging;
  for (const part of ["back", "undo", "rest", "next"]) at(part).disabled = id === "name-form";
  if (!judging) { at("asked").hidden = at("rest").hidden = true; }
  at("list-button").setAttribute("aria-expanded", String(id === "all"));
  at("list-button").textContent = id === "all" ? "Close" : "All questions";
  at("list-button").hidden = at("who").hidden = id === "name-form";
}

/* Going from question to question. */
async function open(id) {
  shown = await call(`/api/questions/${encodeURIComponent(id)}?` + new URLSearchParams({ judge }));
  quiet();
  only("answers");
  at("question").textContent = shown.text;
  const told = [shown.asked > 1 ? `asked ${shown.asked} times` : "",
                shown.disliked ? `${shown.disliked} of its answers were marked as not useful` : ""].filter(Boolean);
  at("asked").textContent = told.join(" · ");
  at("asked").hidden = !told.length;
  list.replaceChildren(...shown.answers.map(answer));
  fold();
  scrollTo(0, 0);
  const first = shown.answers.findIndex(one => one.grade === null);
  choose(Math.max(0, first), false);
  if (!shown.answers.length) fail("No system finds an answer to this question.");
  document.title = `${shown.text} – Judge the answers`;
}

async function state() {
  const found = await call("/api/state?" + new URLSearchParams({ judge }));
  ({ grades, questions } = found);
  judge = found.judge;
  at("needed").textContent = found.needed;
  at("meanings").replaceChildren(...grades.flatMap(one =>
    [make("dt", "", `${one.grade} ${one.word}`), make("dd", "", one.meaning)]));
  at("notes").replaceChildren(...found.notes.map(text => make("li", "", text)));
  return found;
}

async function onward(id) {
  if (id) { await open(id); return; }
  const found = await state();
  if (found.next) { await open(found.next); return; }
  shown = null;
  only(questions.length ? "done" : "all");
  at("place").textContent = questions.length ? `${questions.length} questions` : "No questions yet";
  paint();
  if (questions.length) at("bar").style.width = "100%"; else { overview(); at("ask").focus(); }
}

function step(by) {
  if (!shown) return queue(() => questions.length ? open(questions[questions.length - 1].id) : undefined);
  const number = position(shown.id) + by;
  if (number < 0) return undefined;
  return queue(() => number < questions.length ? open(questions[number].id) : onward(null));
}

/* Grading. The page shows a grade at once, and takes it back if it could not be stored. */
function give(number, grade) {
  const one = shown.answers[number], question = shown, before = one?.grade;
  if (!one) return;
  one.grade = grade;
  const further = shown.answers.findIndex((each, place) => place > number && each.grade === null);
  const any = shown.answers.findIndex(each => each.grade === null);
  choose(further >= 0 ? further : any >= 0 ? any : number);
  queue(async () => {
    try {
      const stored = await call("/api/grades", { judge, question: question.id, grades: { [one.id]: grade } });
      questions[position(question.id)].graded = stored.graded;
      quiet();
    } catch (error) {
      one.grade = before;
      throw error;
    } finally { paint(); }
  });
}

function restAndNext() {
  if (!shown) return;
  const question = shown, left = shown.answers.filter(one => one.grade === null);
  queue(async () => {
    let next = null;
    if (left.length) {
      const zeros = Object.fromEntries(left.map(one => [one.id, 0]));
      const stored = await call("/api/grades", { judge, question: question.id, grades: zeros });
      left.forEach(one => { one.grade = 0; });
      questions[position(question.id)].graded = stored.graded;
      next = stored.next;
    }
    await onward(next);
  });
}

function undo() {
  queue(async () => {
    const done = await call("/api/undo", { judge });
    await state();
    if (done.question) await open(done.question);
    else if (shown && position(shown.id) < 0) await onward(null);
    else fail("There is nothing to undo.");
  });
}

/* The list of all questions, and adding one. */
function overview() {
  if (!at("all").hidden && shown) { only("answers"); paint(); return; }
  only("all");
  scrollTo(0, 0);
  at("list").replaceChildren(...questions.map(one => {
    const item = make("li", one.graded >= one.answers ? "done" : ""), button = make("button", "plain", one.text);
    button.type = "button";
    button.dir = "auto";
    button.addEventListener("click", () => queue(() => open(one.id)));
    item.append(button, make("span", "aside", `${one.graded} of ${one.answers}`));
    return item;
  }));
}

at("ask-form").addEventListener("submit", event => {
  event.preventDefault();
  const text = at("ask").value.trim();
  if (text) queue(async () => {
    const added = await call("/api/questions", { judge, text });
    at("ask").value = "";
    await state();
    await open(added.question);
  });
});

function start(name) {
  judge = name.trim().replace(/\s+/g, " ");
  if (!judge) { only("name-form"); at("name").focus(); return; }
  try { localStorage.setItem("semtune-judge", judge); } catch { /* private windows may refuse */ }
  queue(() => onward(null));
}

function askName() {
  shown = null;
  only("name-form");
  at("place").textContent = "Judge the answers to real questions";
  at("name").value = judge;
  at("name").focus();
  at("name").select();
}

at("name-form").addEventListener("submit", event => { event.preventDefault(); start(at("name").value); });
at("who").addEventListener("click", askName);
at("list-button").addEventListener("click", overview);
at("back").addEventListener("click", () => step(-1));
at("next").addEventListener("click", () => step(1));
at("rest").addEventListener("click", restAndNext);
at("undo").addEventListener("click", undo);

const KEYS = {
  ArrowDown: () => choose(active + 1), ArrowUp: () => choose(active - 1), ArrowLeft: () => step(-1),
  ArrowRight: () => step(1), Enter: restAndNext, u: undo, a: overview,
};

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.matches("input")) return;
  if (!at("name-form").hidden) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "Enter" && event.target.matches("button")) return;
  const judging = shown && !at("answers").hidden;
  if (event.repeat && !key.startsWith("Arrow")) return;  // a key held down grades nothing twice
  if (judging && /^[0-3]$/.test(key)) give(active, Number(key));
  else if (KEYS[key] && (judging || ["u", "a", "ArrowLeft"].includes(key))) KEYS[key]();
  else return;
  event.preventDefault();
});

queue(async () => {
  const found = await state();
  let name = found.judge;
  try { name = name || localStorage.getItem("semtune-judge") || ""; } catch { /* private windows may refuse */ }
  if (name && found.judge) start(name);
  else { judge = name; askName(); }
});
