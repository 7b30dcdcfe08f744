// The address of report.html: it says the scene, frame and view that are shown, and opens them again.

const NUMBERS = ["zoom", "x", "y", "split", "row"];
let due = 0;

function remember() {
  clearTimeout(due);
  due = setTimeout(() => {
    const shown = new URLSearchParams({scene: page.scenes[state.place]});
    if (views.length) {
      shown.set("frame", state.scene.frames[state.at]);
      shown.set("view", state.mode);
      for (const key of NUMBERS) shown.set(key, +state[key].toFixed(4));
      for (const side of ["left", "right"]) shown.set(side, nameOf(views[$(side).value]));
    }
    if (curves.set) shown.set("metric", curves.set.label);
    for (const method of state.hidden) shown.append("hide", page.methods[method].name);
    $("link").href = `${location.href.split("#")[0]}#${shown}`;
    history.replaceState(null, "", $("link").href);
  }, 200);
}

// Opens what an address says; whether it names a scene of this page.
function restore() {
  const shown = new URLSearchParams(location.hash.slice(1));
  const place = page.scenes.indexOf(shown.get("scene"));
  if (place < 0) return false;
  const hidden = shown.getAll("hide");
  page.methods.forEach((method, i) => {
    if (hidden.includes(method.name)) state.hidden.add(i); else state.hidden.delete(i);
  });
  open(place);
  const number = key => shown.get(key) && isFinite(shown.get(key)) ? Number(shown.get(key)) : state[key];
  look(number("zoom"), number("x"), number("y"));
  setSplit(number("split"));
  setRow(number("row"));
  const frame = state.scene.frames.indexOf(Number(shown.get("frame")));
  if (frame >= 0) state.at = frame;
  for (const side of ["left", "right"]) choose(side, shown.get(side));
  const metric = state.scene.curves.findIndex(set => set.label === shown.get("metric"));
  if (metric >= 0) showMetric(metric);
  const modes = [...$("modes").querySelectorAll("[data-mode]")].map(button => button.dataset.mode);
  setMode(modes.includes(shown.get("view")) ? shown.get("view") : state.mode);
  return true;
}
