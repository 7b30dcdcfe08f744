// report.html but for its player: theme, sorting, curves.
// Text from the run is only ever set as text, never as HTML.
"use strict";
const page = JSON.parse(document.getElementById("page-data").textContent);
const $ = id => document.getElementById(id);
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
// Black would be lost on dark.
const paint = colour => colour === "#000000" ? "var(--ink)" : colour;

function el(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function swatch(colour) {
  const made = el("i", {className: "swatch"});
  made.style.background = paint(colour);
  return made;
}

for (const mark of document.querySelectorAll("i.swatch")) {
  mark.style.background = paint(mark.dataset.colour);
}

// ---- light and dark: the system's, until chosen
const dark = matchMedia("(prefers-color-scheme: dark)");
let chosenTheme = null;
try { chosenTheme = localStorage.getItem("stvt-theme"); } catch { /* a page from disk may not */ }

function applyTheme() {
  const theme = chosenTheme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = theme === "dark" ? "☀ Light" : "☾ Dark";
}

function switchTheme() {
  chosenTheme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem("stvt-theme", chosenTheme); } catch { /* kept while it is open */ }
  applyTheme();
}

dark.addEventListener("change", applyTheme);
$("theme").addEventListener("click", switchTheme);
applyTheme();

// ---- tables that sort: numbers by their full value, what has none always last
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = el("button", {type: "button", title: "sort"});
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}

function sort(table, heads, column) {
  const head = heads[column], text = head.dataset.better === "text";
  const first = head.dataset.better === "high" ? "descending" : "ascending";
  const other = first === "descending" ? "ascending" : "descending";
  const order = head.getAttribute("aria-sort") === first ? other : first;
  heads.forEach(one => one.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const value = row => {
    const cell = row.cells[column];
    if (text) return cell.textContent;
    const held = cell.dataset.value;
    return held === undefined ? NaN : held === "inf" ? Infinity : Number(held);
  };
  const compare = (a, b) => {
    if (text) return sign * a.localeCompare(b, "en", {numeric: true});
    if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  };
  const body = table.tBodies[0];
  const rows = [...body.rows].map(row => [value(row), row]);
  rows.sort((a, b) => compare(a[0], b[0]));
  body.append(...rows.map(pair => pair[1]));
}

// ---- curves: a metric frame by frame; a click seeks the player
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function ticks(low, high, count) {
  const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= raw);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n++) found.push(n * step);
  return found;
}

class Curves {
  // place: where to draw; reading: where values go; seek(frame): called on a click; hidden: methods.
  constructor(place, reading, seek, hidden) {
    Object.assign(this, {place, reading, seek, hidden, set: null});
  }

  get visible() {
    return this.set.curves.filter(curve => !this.hidden.has(curve.method));
  }

  show(set, isNew) {
    Object.assign(this, {set, isNew});
    this.draw();
  }

  draw() {
    this.place.replaceChildren();
    this.reading.replaceChildren();
    if (!this.set) return;
    const width = Math.max(280, this.place.clientWidth), height = width < 500 ? 190 : 250;
    const box = {left: 46, right: width - 12, top: 14, bottom: height - 30};
    const frames = this.set.curves.flatMap(c => c.frames);
    const values = this.visible.flatMap(c => c.values).filter(v => typeof v === "number");
    const [first, last] = [Math.min(...frames), Math.max(...frames)];
    let low = Math.min(...values, Infinity), high = Math.max(...values, -Infinity);
    if (!values.length) [low, high] = [0, 1];
    const room = (high - low) * 0.07 || Math.abs(high) * 0.02 || 1;
    low -= room; high += room;
    this.x = f => last === first ? (box.left + box.right) / 2
      : box.left + 8 + (f - first) / (last - first) * (box.right - box.left - 16);
    const y = v => box.bottom - (v - low) / (high - low) * (box.bottom - box.top);
    const drawing = svg("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img",
      "aria-label": `${this.set.label} of each frame`});
    for (const tick of ticks(low, high, 4)) {
      const at = y(tick);
      drawing.append(svg("line", {class: "grid", x1: box.left, x2: box.right, y1: at, y2: at}));
      const decimals = high - low < 0.05 ? 3 : high - low < 3 ? 2 : 1;
      const text = svg("text", {x: box.left - 6, y: at + 4, "text-anchor": "end"});
      text.textContent = tick.toFixed(decimals);
      drawing.append(text);
    }
    for (const tick of ticks(first, last, width / 80).filter(Number.isInteger)) {
      const text = svg("text", {x: this.x(tick), y: height - 12, "text-anchor": "middle"});
      text.textContent = tick;
      drawing.append(text);
    }
    for (const curve of this.visible) drawing.append(this.line(curve, y, box));
    this.cursor = svg("line", {class: "cursor", y1: box.top, y2: box.bottom, x1: -9, x2: -9});
    drawing.append(this.cursor);
    const known = [...new Set(frames)].sort((a, b) => a - b);
    drawing.addEventListener("click", event => {
      const rectangle = drawing.getBoundingClientRect();
      const at = (event.clientX - rectangle.left) * width / rectangle.width;
      this.seek(known.reduce((a, b) => Math.abs(this.x(b) - at) < Math.abs(this.x(a) - at) ? b : a));
    });
    this.place.append(drawing);
    if (this.frame !== undefined) this.point(this.frame);
  }

  line(curve, y, box) {
    const colour = paint(page.methods[curve.method].colour), group = svg("g", {});
    group.style.color = colour;
    let path = "", down = false;
    curve.values.forEach((value, i) => {
      if (typeof value === "number") {
        path += `${down ? "L" : "M"}${this.x(curve.frames[i]).toFixed(1)} ${y(value).toFixed(1)}`;
      }
      down = typeof value === "number";
    });
    group.append(svg("path", {d: path, fill: "none", stroke: "currentColor", "stroke-width": 1.5,
      "stroke-dasharray": page.methods[curve.method].dash}));
    if (curve.frames.length > 150) return group;
    curve.values.forEach((value, i) => {
      const x = this.x(curve.frames[i]);
      if (value === "inf") {
        const at = `M${x - 4} ${box.top + 4}h8l-4 -7z`;
        group.append(svg("path", {d: at, fill: "currentColor"}));
      } else if (value !== null) {
        const mark = svg("circle", {cx: x, cy: y(value), r: 3, stroke: "currentColor"});
        mark.style.fill = this.isNew.has(curve.frames[i]) ? "currentColor" : "var(--card)";
        group.append(mark);
      }
    });
    return group;
  }

  // Marks a frame and reads its values out.
  point(frame) {
    this.frame = frame;
    if (!this.set || !this.cursor) return;
    this.cursor.setAttribute("x1", this.x(frame));
    this.cursor.setAttribute("x2", this.x(frame));
    const parts = this.visible.map(curve => {
      const value = curve.values[curve.frames.indexOf(frame)];
      const text = typeof value === "number" ? value.toFixed(this.set.digits) : value ?? "–";
      const method = page.methods[curve.method];
      return el("span", {}, swatch(method.colour), `${method.name} ${text}`);
    });
    const kind = this.isNew.has(frame) ? "new, filled" : "existing, hollow";
    this.reading.replaceChildren(el("span", {}, `frame ${frame} (${kind}):`), ...parts);
  }

  values(frame) {
    const found = new Map();
    for (const curve of this.set ? this.set.curves : []) {
      found.set(curve.method, curve.values[curve.frames.indexOf(frame)]);
    }
    return found;
  }
}
