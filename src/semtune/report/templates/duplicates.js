"use strict";
/* Decisions about groups: kept in the browser, saved as the file that `--decisions` reads. */
(() => {
  const given = document.getElementById("state"), name = `semtune-duplicates-${given.dataset.name}`;
  const save = document.getElementById("save"), count = document.getElementById("count");
  if (!save) return;
  const start = JSON.parse(given.textContent);
  const pairOf = (one, two) => JSON.stringify(one < two ? [one, two] : [two, one]);
  const load = () => {
    try { return JSON.parse(localStorage.getItem(name)) || start; } catch { return start; }
  };
  const from = values => ({
    different: new Set(values.different.map(pair => pairOf(...pair))), preferred: new Set(values.preferred),
  });
  const out = () => ({
    different: [...state.different].sort().map(pair => JSON.parse(pair)), preferred: [...state.preferred].sort(),
  });
  let state = from(load());
  const keep = () => {
    try { localStorage.setItem(name, JSON.stringify(out())); } catch { /* private windows: the file still works */ }
    show();
  };
  const flip = (set, value) => { if (!set.delete(value)) set.add(value); };

  function show() {
    for (const member of document.querySelectorAll(".member")) {
      const text = member.dataset.text, kept = member.closest(".group").dataset.kept;
      member.querySelector(".different").setAttribute("aria-pressed", state.different.has(pairOf(kept, text)));
      const other = member.querySelector(".preferred");
      if (other) other.setAttribute("aria-pressed", state.preferred.has(text));
    }
    const total = state.different.size + state.preferred.size;
    count.textContent = total === 1 ? "1 decision" : `${total} decisions`;
    save.disabled = false;
  }

  document.addEventListener("click", event => {
    const button = event.target.closest(".member button");
    if (!button) return;
    const member = button.closest(".member"), group = member.closest(".group");
    const text = member.dataset.text, kept = group.dataset.kept;
    if (button.classList.contains("different")) flip(state.different, pairOf(kept, text));
    else {
      const was = state.preferred.has(text);
      for (const each of group.querySelectorAll(".member")) state.preferred.delete(each.dataset.text);
      state.preferred.delete(kept);
      if (!was) state.preferred.add(text);
    }
    keep();
  });
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(out(), null, 2) + "\n"], { type: "application/json" }));
    link.download = "decisions.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  document.getElementById("clear").addEventListener("click", () => {
    state = from({ different: [], preferred: [] });
    keep();
  });
  show();
})();
