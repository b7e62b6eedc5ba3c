/* One document in a panel, and adding and deleting documents, which needs a key that may write. */
const panel = at("document"), BATCH = 500_000;  // bytes of documents in one request
let opened = null;

const document_path = id => `/documents/${encodeURIComponent(id)}` + parameters({ index: state.index });

function plain_text(value) {
  if (Array.isArray(value)) return value.map(plain_text).join(" › ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/* `known` is what a list of results already has; the server is asked where there is nothing. */
async function open_document(id, known = null) {
  let hit = known;
  if (!hit) {
    const answer = await ask(document_path(id));
    if (!answer.ok) { tell(answer.message, true); return; }
    hit = { id, score: 0, metadata: {}, ...answer.data };
  }
  opened = hit;
  const { title, path } = names_of(hit), text = at("document-text"), values = at("document-values");
  at("document-title").textContent = title;
  at("document-origin").replaceChildren(origin(hit, path));
  fill_passage(text, hit, marker(state.q), true);
  values.replaceChildren(...Object.entries({ id: hit.id, ...hit.metadata }).flatMap(([name, value]) => {
    const shown = make("dd"), text_ = plain_text(value), href = web_address(text_);
    const holder = href ? shown.appendChild(make("a")) : shown;
    if (href) { holder.href = href; holder.rel = "noopener noreferrer"; holder.target = "_blank"; }
    holder.textContent = text_;
    return [make("dt", "", name), shown];
  }));
  at("document-delete").hidden = !chosen().writable;
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
}

at("document-similar").addEventListener("click", () => {
  panel.close();
  change({ view: "search", similar: opened.id, topic: null, k: STEP });
});

at("document-delete").addEventListener("click", async () => {
  const sure = at("document-delete");
  if (sure.dataset.sure !== "yes") {
    sure.dataset.sure = "yes";
    sure.textContent = "Really delete it?";
    return;
  }
  const answer = await ask(document_path(opened.id), { method: "DELETE" });
  panel.close();
  if (!answer.ok) { tell(answer.message, true); return; }
  tell("The document is deleted.");
  await introduce();
  await show_state();
});
panel.addEventListener("close", () => {
  const sure = at("document-delete");
  delete sure.dataset.sure;
  sure.textContent = "Delete";
});

/* Adding: typed text, or files. A file of lines is a document a line; any other text file is one document. */
at("add-form").addEventListener("submit", async event => {
  event.preventDefault();
  const id = at("add-id").value.trim(), text = at("add-text").value;
  if (!id || !text.trim()) { told("Give an id and a text.", true); return; }
  const answer = await ask(document_path(id), { method: "PUT", json: { text, title: at("add-title").value.trim() } });
  if (!answer.ok) { told(answer.message, true); return; }
  told(`“${id}” is in the index.`);
  event.target.reset();
  introduce();
});

const is_lines = name => /\.(jsonl|ndjson)$/i.test(name);

async function lines_of(file) {
  const text = await file.text();
  if (text.includes("\u0000")) throw new Error(`${file.name} is no text. Add such files with “semtune add”.`);
  if (!is_lines(file.name)) return [JSON.stringify({ _id: file.name, text, title: file.name.replace(/\.\w+$/, "") })];
  return text.split("\n").filter(line => line.trim());
}

function batches(lines) {
  const made = [[]];
  let size = 0;
  for (const line of lines) {
    if (size + line.length > BATCH && made.at(-1).length) { made.push([]); size = 0; }
    made.at(-1).push(line);
    size += line.length;
  }
  return made.filter(batch => batch.length);
}

async function add_files(files) {
  const bar = at("add-bar");
  let done = 0;
  try {
    const lines = (await Promise.all([...files].map(lines_of))).flat();
    if (!lines.length) { told("There is nothing in these files.", true); return; }
    bar.hidden = false;
    bar.max = lines.length;
    for (const batch of batches(lines)) {
      bar.value = done;
      told(`${number.format(done)} of ${many(lines.length, "document")}…`);
      const answer = await ask("/documents" + parameters({ index: state.index }),
                               { method: "POST", type: "application/x-ndjson", body: batch.join("\n") + "\n" });
      if (!answer.ok) { told(`${many(done, "document")} added, then: ${answer.message}`, true); return; }
      done += batch.length;
    }
    told(`${many(done, "document")} added.`);
  } catch (error) {
    told(error.message, true);
  } finally {
    bar.hidden = true;
    introduce();
  }
}

function told(text, alarm = false) {
  at("add-said").textContent = text;
  at("add-said").className = alarm ? "note alarm" : "note";
  at("add-said").hidden = false;
}

const drop = at("drop");
at("files").addEventListener("change", event => { add_files(event.target.files); });
for (const name of ["dragover", "dragenter"])
  drop.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", event => {
  event.preventDefault();
  drop.classList.remove("over");
  add_files(event.dataTransfer.files);
});

at("open-form").addEventListener("submit", event => {
  event.preventDefault();
  const id = at("open-id").value.trim();
  if (id) open_document(id);
});
