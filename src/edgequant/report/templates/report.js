"use strict";

{ // vega's script shares the page's names with this one

// Charts: the image in the file stays where drawing fails or is printed without scripts.
for (const box of document.querySelectorAll(".chart")) {
  if (!window.vegaEmbed) break;
  const spec = JSON.parse(document.getElementById(box.dataset.spec).textContent);
  const live = document.createElement("div");
  const words = box.querySelector("img").alt;
  const actions = { export: true, source: false, compiled: false, editor: false };
  window.vegaEmbed(live, spec, { renderer: "svg", actions, mode: "vega-lite" }).then(({ view }) => {
    const drawn = live.querySelector("svg.marks");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", words);
    box.replaceChildren(live);
    listen(view, spec, box.closest("figure").nextElementSibling);
  }).catch((error) => console.warn("The chart stays an image:", error));
}

const HINT = "Click a point for its layers, or drag over the chart to mark variants in the tables.";

// A click on a point chooses its variant; a drag over a Pareto chart fades, in the tables, what is outside.
function listen(view, spec, status) {
  view.addEventListener("click", (_, item) => {
    const datum = item && item.datum && (item.datum.datum || item.datum);
    if (!datum || !places.has(datum.id)) return;
    choose(datum.id);
    const figures = [datum.accuracy, datum.latency, datum.size].filter(Boolean).join(" · ");
    const link = document.createElement("a");
    [link.href, link.textContent] = ["#" + picker.closest("section").id, "its layers"];
    status.replaceChildren(`${datum.id}${figures ? ": " + figures : ""}. See `, link, ".");
  });
  if (!JSON.stringify(spec.params || []).includes('"brush"')) return;
  status.textContent = HINT;
  const points = Object.values(spec.datasets || {}).flat().concat(spec.layer.flatMap((one) => (one.data || {}).values || []));
  view.addSignalListener("brush", (_, area) => fade(area.cost && area.top1 ? points.filter((p) => p.id && within(p, area)) : null, status));
}

function within(point, area) {
  return Object.entries(area).every(([key, ends]) => point[key] >= Math.min(...ends) && point[key] <= Math.max(...ends));
}

function fade(kept, status) {
  const ids = kept && new Set(kept.map((point) => point.id));
  for (const row of document.querySelectorAll("tr[data-variant]")) {
    row.classList.toggle("outside", Boolean(ids) && !ids.has(row.dataset.variant));
  }
  status.textContent = ids ? `${ids.size} variants inside: ${[...ids].join(", ")}.` : HINT;
}

// Variants: a click on a name, or on a point, shows that variant's layers.
const views = document.querySelector("script.views");
const tables = views ? JSON.parse(views.textContent) : { of: {}, tables: [] };
const places = new Map(Object.entries(tables.of));
const picker = document.querySelector(".choose select");

function choose(id) {
  const box = picker.closest(".choose");
  picker.value = id;
  const body = box.parentElement.querySelector("table").tBodies[0];
  const numeric = [...body.closest("table").tHead.rows[0].cells].map((cell) => cell.classList.contains("number"));
  body.replaceChildren(...tables.tables[places.get(id)].map((cells) => line(cells, numeric)));
  box.querySelector("[role=status]").textContent = `${body.rows.length} layers`;
  for (const row of document.querySelectorAll("tr[data-variant]")) row.classList.toggle("chosen", row.dataset.variant === id);
}

function line(cells, numeric) {
  const row = document.createElement("tr");
  cells.forEach((text, k) => {
    const cell = document.createElement(k ? "td" : "th");
    if (!k) cell.scope = "row";
    if (numeric[k]) cell.className = "number";
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}

if (picker) {
  picker.closest(".choose").hidden = false;
  picker.addEventListener("change", () => choose(picker.value));
  for (const head of document.querySelectorAll("tbody th")) {
    const id = head.textContent.replace(/^★ /, "").trim();
    if (!places.has(id) || head.closest("section").contains(picker)) continue;
    const button = document.createElement("button");
    [button.type, button.className, button.textContent] = ["button", "pick", head.textContent];
    button.title = "Show its layers";
    button.addEventListener("click", () => { choose(id); picker.closest(".choose").scrollIntoView({ block: "center" }); picker.focus({ preventScroll: true }); });
    head.replaceChildren(button);
    head.parentElement.dataset.variant = id;
  }
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
}
