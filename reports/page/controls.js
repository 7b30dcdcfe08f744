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
  on("unzoom", "click", () => look(1, 0.5, 0.5));
  on("metric", "change", () => {
    curves.show(state.scene.curves[$("metric").selectedIndex], new Set(state.scene.new));
    draw();
  });
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
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-scene]");
    if (!link) return;
    event.preventDefault();
    open(Number(link.dataset.scene));
    $("viewer").scrollIntoView();
  });
  addEventListener("resize", () => { curves.draw(); draw(); });
  open(0);
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.closest("input, select, textarea");
  const key = event.key === "D" ? "d" : event.key;
  if (key === "d" && !inside) return switchTheme();
  if (!state.scene || !state.scene.frames.length) return;
  if (inside && (inside.type !== "checkbox" || key === " ")) return;
  if (key === " " && event.target.closest("button, a, summary")) return;
  const speed = speeds.indexOf(state.fps);
  const act = {
    " ": () => play(!state.playing),
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    "[": () => open(state.place - 1),
    "]": () => open(state.place + 1),
    "+": () => setSpeed(speeds[clamp(speed + 1, 0, speeds.length - 1)]),
    "=": () => setSpeed(speeds[clamp(speed + 1, 0, speeds.length - 1)]),
    "-": () => setSpeed(speeds[clamp(speed - 1, 0, speeds.length - 1)]),
    "0": () => look(1, 0.5, 0.5),
  }[key];
  if (act) {
    event.preventDefault();
    act();
  }
});
