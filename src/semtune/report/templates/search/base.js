/* Small helpers, and the one way to ask the server. Texts of documents go in as text nodes only. */
const at = id => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");
const KEY = "semtune-key", SVG = "http://www.w3.org/2000/svg";

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function button(className, text, act) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  use.setAttribute("href", "#i-" + name);
  svg.append(use);
  return svg;
}

const many = (count, one) => `${number.format(count)} ${count === 1 ? one : one + "s"}`;
const wait = ms => new Promise(resolve => setTimeout(resolve, ms));

/* Of fetch's failures only this one is no failure: a newer question took the place of this one. */
const given_up = error => error.name === "AbortError";

function kept_key() {
  try { return sessionStorage.getItem(KEY) || ""; } catch { return ""; }
}

function keep_key(key) {
  try { if (key) sessionStorage.setItem(KEY, key); else sessionStorage.removeItem(KEY); } catch { /* not kept */ }
}

/* Ask for a key in a dialog; resolves to false when the user closes it. */
let asking_key = null;
function ask_key(why) {
  if (asking_key) return asking_key;
  const dialog = at("key-dialog"), input = at("key");
  at("key-why").textContent = why;
  input.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  asking_key = new Promise(resolve => dialog.addEventListener("close", () => {
    asking_key = null;
    const given = dialog.returnValue === "use" && input.value.trim();
    if (given) keep_key(input.value.trim());
    resolve(Boolean(given));
  }, { once: true }));
  return asking_key;
}

async function message_of(response) {
  if (response.status === 429) return "The server is busy. Try again in a moment.";
  try {
    const { detail, error } = await response.json();
    return String(detail || error?.message || error);
  } catch { return `The server answered with an error (${response.status}).`; }
}

/* {ok, status, data, message}; a network failure has status 0. Throws only when it was given up. */
async function ask(path, { method = "GET", json, body, type, signal, quiet = false } = {}) {
  for (;;) {
    const headers = {}, key = kept_key();
    if (key) headers.Authorization = "Bearer " + key;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    if (type) headers["Content-Type"] = type;
    let response;
    try {
      response = await fetch(path, { method, headers, signal, body: json === undefined ? body : JSON.stringify(json) });
    } catch (error) {
      if (given_up(error)) throw error;
      return { ok: false, status: 0, message: "The server cannot be reached. Check that it is running." };
    }
    if (!quiet && (response.status === 401 || response.status === 403)) {
      if (await ask_key(await message_of(response))) continue;
      return { ok: false, status: response.status, message: "This needs a key." };
    }
    if (!response.ok) return { ok: false, status: response.status, message: await message_of(response) };
    const is_json = (response.headers.get("Content-Type") || "").includes("json");
    return { ok: true, status: response.status, data: is_json ? await response.json() : await response.text() };
  }
}

/* For what the server computes in the background: ask until it is there, while `wanted` says so. */
async function ask_until_ready(path, wanted = () => true) {
  for (let pause = 500; ; pause = Math.min(3000, pause * 1.3)) {
    const answer = await ask(path);
    if (answer.status !== 202) return answer;
    if (!wanted()) return { ok: false, status: 202, message: "" };
    await wait(pause);
  }
}

const parameters = values => {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== "" && value !== null && value !== undefined) given.set(name, value);
  const text = given.toString();
  return text ? "?" + text : "";
};

/* Only http and https lead anywhere; a javascript: address in a document stays text. */
function web_address(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch { return null; }
}
