"use strict";

// Charts: the image in the file stays where drawing fails or is printed without scripts.
for (const box of document.querySelectorAll(".chart")) {
  if (!window.vegaEmbed) break;
  const spec = JSON.parse(document.getElementById(box.dataset.spec).textContent);
  const live = document.createElement("div");
  const words = box.querySelector("img").alt;
  const actions = { export: true, source: false, compiled: false, editor: false };
  window.vegaEmbed(live, spec, { renderer: "svg", actions, mode: "vega-lite" }).then(() => {
    const drawn = live.querySelector("svg.marks");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", words);
    box.replaceChildren(live);
  }).catch((error) => console.warn("The chart stays an image:", error));
}

// Tables: a click on a header sorts by it, a second click the other way; absent figures stay last.
function value(row, column) {
  const cell = row.cells[column];
  return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent.trim();
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sort(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const up = header.getAttribute("aria-sort") !== "ascending";
  const absent = (row) => value(row, header.cellIndex) === "–";
  const rows = [...body.rows].sort((a, b) => {
    if (absent(a) || absent(b)) return Number(absent(a)) - Number(absent(b));
    return (up ? 1 : -1) * compare(value(a, header.cellIndex), value(b, header.cellIndex));
  });
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows);
}

for (const header of document.querySelectorAll("thead th")) {
  header.querySelector("button").addEventListener("click", () => sort(header));
}
