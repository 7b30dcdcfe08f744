// The controls and keys of the player of report.html.

if (page.scenes.length && $("viewer")) {
  $("viewer").hidden = false;
  $("scene").append(...page.scenes.map((label, i) => el("option", {value: i}, label)));
  const on = (id, event, act) => $(id).addEventListener(event, act);
  on("scene", "change", () => open(Number($("scene").value)));
  on("scene-before", "click", () => open(state.place - 1));
  on("scene-after", "click", () => open(state.place + 1));
  on("back", "click", () => step(-1));
  on("on", "click", () => step(1));
  on("play", "click", () => play(!state.playing));
  on("at", "input", () => { play(false); seek(Number($("at").value)); });
  on("fps", "change", () => setSpeed(Number($("fps").value)));
  on("left", "change", draw);
  on("right", "change", draw);
  on("split", "input", () => setSplit($("split").value / 1000));
  on("row", "input", () => setRow($("row").value / 1000));
  on("flip", "click", flip);
  on("smaller", "click", () => zoomAt(0.5, 0.5, 0.5));
  on("larger", "click", () => zoomAt(2, 0.5, 0.5));
  on("unzoom", "click", () => look(1, 0.5, 0.5));
  on("metric", "change", () => showMetric($("metric").selectedIndex));
  $("modes").addEventListener("click", event => {
    const button = event.target.closest("[data-mode]");
    if (button) setMode(button.dataset.mode);
  });
  watch($("stage"), u => { setSplit(u); return true; });
  const bar = document.querySelector("#error-bar canvas").getContext("2d");
  heat.forEach((colour, x) => {
    bar.fillStyle = `rgb(${colour})`;
    bar.fillRect(x, 0, 1, 10);
  });
  $("legend").append(...page.methods.map((method, i) => {
    const button = el("button", {type: "button"}, swatch(method.colour), method.name);
    button.title = `hide or show${i < 9 ? ` (${i + 1})` : ""}`;
    button.addEventListener("click", () => toggle(i));
    return button;
  }));
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-scene]");
    if (!link) return;
    event.preventDefault();
    location.hash = new URLSearchParams({scene: link.dataset.scene});
  });
  addEventListener("resize", () => { curves.draw(); draw(); });
  addEventListener("hashchange", () => {
    if (restore()) $("viewer").scrollIntoView();
  });
  if (!restore()) open(0);
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.closest("input, select, textarea");
  const key = event.key === "D" ? "d" : event.key;
  if (key === "d" && !inside) return switchTheme();
  if (!state.scene || (!views.length && !/^[[\]1-9]$/.test(key))) return;
  if (inside && (inside.type !== "checkbox" || key === " ")) return;
  if (key === " " && event.target.closest("button, a, summary")) return;
  const faster = by => setSpeed(speeds[clamp(speeds.indexOf(state.fps) + by, 0, speeds.length - 1)]);
  const move = (x, y) => event.shiftKey
    ? look(state.zoom, state.x + x / 8 / state.zoom, state.y + y / 8 / state.zoom) : step(x);
  if (/^[1-9]$/.test(key) && page.methods[key - 1]) return toggle(key - 1);
  if (/^Arrow(Up|Down)$/.test(key) && !event.shiftKey) return;  // the page scrolls
  const act = {
    " ": () => play(!state.playing),
    ArrowLeft: () => move(-1, 0),
    ArrowRight: () => move(1, 0),
    ArrowUp: () => move(0, -1),
    ArrowDown: () => move(0, 1),
    f: flip,
    "[": () => open(state.place - 1),
    "]": () => open(state.place + 1),
    "+": () => zoomAt(2, 0.5, 0.5),
    "=": () => zoomAt(2, 0.5, 0.5),
    "-": () => zoomAt(0.5, 0.5, 0.5),
    ">": () => faster(1),
    "<": () => faster(-1),
    "0": () => look(1, 0.5, 0.5),
  }[key];
  if (act) {
    event.preventDefault();
    act();
  }
});
