// The player of report.html: all views of a scene at one frame, place and enlargement.

// The colours of an error, dark to bright: black, purple, red, orange, pale yellow.
const HEAT = [[0, 0, 4], [60, 9, 101], [136, 34, 106], [203, 65, 73], [245, 125, 21],
  [250, 193, 39], [252, 255, 164]];
const heat = Array.from({length: 256}, (_, n) => {
  const at = n / 255 * (HEAT.length - 1), i = Math.min(Math.floor(at), HEAT.length - 2);
  return HEAT[i].map((from, c) => Math.round(from + (HEAT[i + 1][c] - from) * (at - i)));
});
const SPEEDS = [1, 2, 4, 6, 8, 12, 15, 24, 30, 60];

const state = {place: -1, scene: null, at: 0, playing: false, fps: 12, mode: "frames",
  zoom: 1, x: 0.5, y: 0.5, split: 0.5, row: 0.5, hidden: new Set()};
let views = [];

const curves = new Curves($("curves"), $("reading"), seekFrame, state.hidden);

function nameOf(view) {
  return view.kind === "method" ? page.methods[view.method].name : view.kind;
}

// ---- pictures: decoded once; an error map gets its colours once
function load(view, kind, i) {
  const cache = view.cache[kind];
  if (cache[i] === undefined) {
    cache[i] = null;
    const data = view[kind] && view[kind][i];
    if (!data) return null;
    const image = new Image();
    image.addEventListener("load", () => {
      cache[i] = kind === "errors" ? heated(image) : image;
      draw();
    });
    const type = data.startsWith("UklGR") ? "webp" : "jpeg";  // RIFF, which begins a WebP
    image.src = `data:image/${type};base64,${data}`;
  }
  return cache[i];
}

function heated(image) {
  const canvas = el("canvas", {width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height), data = pixels.data;
  for (let i = 0; i < data.length; i += 4) [data[i], data[i + 1], data[i + 2]] = heat[data[i]];
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const sizeOf = image => [image.naturalWidth || image.width, image.naturalHeight || image.height];

function fit(canvas, aspect) {
  const width = Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2));
  const height = Math.round(width / aspect);
  if (width && (canvas.width !== width || canvas.height !== height)) {
    Object.assign(canvas, {width, height});
  }
}

// The part of the image that all views show, over the whole of a canvas.
function drawPart(context, image) {
  const {width, height} = context.canvas, [w, h] = sizeOf(image);
  const part = 1 / state.zoom, left = state.x - part / 2, top = state.y - part / 2;
  context.imageSmoothingEnabled = width < w * part;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left * w, top * h, part * w, part * h, 0, 0, width, height);
}

let asked = false;
function draw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; drawNow(); });
}

function drawNow() {
  const scene = state.scene;
  if (!scene) return;
  if (!state.playing) remember();
  if (!scene.frames.length) return;
  const frame = scene.frames[state.at];
  $("at").value = state.at;
  const kind = new Set(scene.new).has(frame) ? "new" : "existing";
  $("now").textContent = `frame ${frame}, ${kind} (${state.at + 1}/${scene.frames.length})`;
  curves.point(frame);
  const values = curves.values(frame);
  const first = load(views[0], "images", state.at);
  if (first) { const [w, h] = sizeOf(first); state.aspect = w / h; }
  for (const view of views) {
    const errors = state.mode === "errors" && view.kind === "method";
    const image = load(view, errors ? "errors" : "images", state.at);
    if (!view.canvas.clientWidth) continue;
    fit(view.canvas, state.aspect || 4 / 3);
    const context = view.canvas.getContext("2d");
    if (image) drawPart(context, image);
    else context.clearRect(0, 0, view.canvas.width, view.canvas.height);
    view.value.textContent = view.kind === "method" ? valueWord(view.method, values) : "";
    if (state.mode === "slices" && view.kind === "truth" && image) dashRow(context);
  }
  if (state.mode === "compare") drawStage();
  if (state.mode === "slices") drawSlices();
  $("zoom-word").textContent = state.zoom > 1 ? `enlarged ×${state.zoom.toFixed(1)}` : "";
  $("moving").classList.toggle("zoomed", state.zoom > 1);
}

function valueWord(method, values) {
  if (page.methods[method].untrained) return "untrained";
  const value = values.get(method);
  return typeof value === "number" ? value.toFixed(curves.set.digits) : value ?? "";
}

function drawStage() {
  const canvas = $("stage"), context = canvas.getContext("2d");
  const pair = [$("left"), $("right")].map(s => load(views[s.value], "images", state.at));
  fit(canvas, state.aspect || 4 / 3);
  if (pair[1]) drawPart(context, pair[1]);
  context.save();
  context.beginPath();
  context.rect(0, 0, Math.round(state.split * canvas.width), canvas.height);
  context.clip();
  if (pair[0]) drawPart(context, pair[0]);
  context.restore();
  $("handle").style.left = `${state.split * 100}%`;
  $("handle").hidden = state.split === 0 || state.split === 1;
  const seen = $("handle").hidden ? [$(state.split ? "left" : "right")] : [$("left"), $("right")];
  $("seen").textContent = `shown: ${seen.map(s => nameOf(views[s.value])).join(" | ")}`;
  $("split").value = Math.round(state.split * 1000);
}

function dashRow(context) {
  const {width, height} = context.canvas;
  const y = (state.row - state.y) * state.zoom * height + height / 2;
  context.save();
  context.setLineDash([8, 6]);
  context.lineWidth = 2;
  for (const [offset, colour] of [[0, "#fff"], [7, "#000"]]) {
    context.lineDashOffset = offset;
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
  }
  context.restore();
}

// The row of every frame, a band each, between the left and right that the views show.
function drawSlices() {
  const count = state.scene.frames.length, part = 1 / state.zoom, left = state.x - part / 2;
  for (const view of views) {
    const canvas = view.strip;
    if (!canvas.clientWidth) continue;
    fit(canvas, Math.min(state.aspect || 4 / 3, 1.6));
    const context = canvas.getContext("2d"), band = canvas.height / count;
    context.imageSmoothingEnabled = false;
    for (let i = 0; i < count; i++) {
      const image = load(view, "images", i);
      if (!image) continue;
      const [w, h] = sizeOf(image), y = clamp(Math.floor(state.row * h), 0, h - 1);
      const top = Math.round(i * band), below = Math.round((i + 1) * band);
      context.drawImage(image, left * w, y, part * w, 1, 0, top, canvas.width, below - top);
    }
    context.fillStyle = "#fff";
    context.fillRect(0, Math.round((state.at + 0.5) * band) - 1, 8, 3);
  }
}

// ---- time
function seek(at) {
  state.at = clamp(at, 0, state.scene.frames.length - 1);
  draw();
}

function seekFrame(frame) {
  if (!state.scene.frames.length) return curves.point(frame);
  const near = state.scene.frames.reduce((a, b) => Math.abs(b - frame) < Math.abs(a - frame) ? b : a);
  seek(state.scene.frames.indexOf(near));
}

function step(by) {
  play(false);
  const count = state.scene.frames.length;
  seek($("loop").checked ? (state.at + by + count) % count : state.at + by);
}

let last = 0;
function play(on) {
  if (on && !state.playing) {
    last = performance.now();
    if (!$("loop").checked && state.at === state.scene.frames.length - 1) seek(0);
    requestAnimationFrame(tick);
  }
  state.playing = on;
  $("play").textContent = on ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", on ? "stop" : "play");
}

function tick(now) {
  if (!state.playing) return;
  const count = state.scene.frames.length, passed = Math.floor((now - last) * state.fps / 1000);
  if (passed > 0) {
    last += passed * 1000 / state.fps;
    if ($("loop").checked) seek((state.at + passed) % count);
    else if (state.at + passed < count) seek(state.at + passed);
    else { seek(count - 1); play(false); }
  }
  requestAnimationFrame(tick);
}

let speeds = SPEEDS;

// The speeds to choose from, with the scene's own among them.
function offerSpeeds(real) {
  speeds = [...new Set([...SPEEDS, ...(real ? [real] : [])])].sort((a, b) => a - b);
  $("fps").replaceChildren(...speeds.map(fps =>
    el("option", {value: fps}, `${+fps.toFixed(2)}${fps === real ? " (real)" : ""}`)));
  setSpeed(speeds.includes(state.fps) ? state.fps : 12);
}

function setSpeed(fps) {
  state.fps = fps;
  $("fps").value = fps;
}

// ---- place: one for all views
function look(zoom, x, y) {
  state.zoom = clamp(zoom, 1, 16);
  const half = 0.5 / state.zoom;
  state.x = clamp(x, half, 1 - half);
  state.y = clamp(y, half, 1 - half);
  draw();
}

// Zooms so that what is under (u, v) of a canvas stays there.
function zoomAt(factor, u, v) {
  const zoom = clamp(state.zoom * factor, 1, 16);
  const x = state.x + (u - 0.5) * (1 / state.zoom - 1 / zoom);
  look(zoom, x, state.y + (v - 0.5) * (1 / state.zoom - 1 / zoom));
}

// onPoint(u, v): gets the places pressed and dragged over; false where the drag moves the view.
function watch(canvas, onPoint) {
  const held = new Map();
  const at = event => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("wheel", event => {
    if (!event.ctrlKey && state.zoom === 1) return;  // the page scrolls
    event.preventDefault();
    zoomAt(2 ** (-clamp(event.deltaY, -120, 120) / 240), ...at(event));
  }, {passive: false});
  canvas.addEventListener("dblclick", event => {
    if (state.zoom > 1) look(1, 0.5, 0.5); else zoomAt(4, ...at(event));
  });
  canvas.addEventListener("pointerdown", event => {
    held.set(event.pointerId, at(event));
    canvas.setPointerCapture(event.pointerId);
    if (held.size === 1) onPoint(...at(event));
  });
  canvas.addEventListener("pointermove", event => {
    if (!held.has(event.pointerId)) return;
    const before = held.get(event.pointerId), now = at(event);
    held.set(event.pointerId, now);
    if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1];
      const apart = p => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1e-3;
      zoomAt(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (!onPoint(...now) && state.zoom > 1) {
      const moved = [now[0] - before[0], now[1] - before[1]];
      look(state.zoom, state.x - moved[0] / state.zoom, state.y - moved[1] / state.zoom);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, event => held.delete(event.pointerId));
  }
}

function setRow(row) {
  state.row = clamp(row, 0, 0.9999);
  $("row").value = Math.round(state.row * 1000);
  draw();
}

function setSplit(split) {
  state.split = clamp(split, 0, 1);
  draw();
}

// Shows the whole of one picture, then the whole of the other, in the same place.
function flip() {
  if (state.mode !== "compare") setMode("compare");
  setSplit(state.split === 1 ? 0 : 1);
}

// Hides a method in the views, strips and curves, or shows it again.
function toggle(method) {
  if (!state.hidden.delete(method)) state.hidden.add(method);
  showMethods();
}

function showMethods() {
  [...$("legend").children].forEach((button, i) =>
    button.setAttribute("aria-pressed", !state.hidden.has(i)));
  for (const view of views) {
    const hidden = view.kind === "method" && state.hidden.has(view.method);
    view.figure.hidden = view.stripFigure.hidden = hidden;
  }
  curves.draw();
  draw();
}

function setMode(mode) {
  state.mode = mode;
  for (const button of $("modes").querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === mode);
  }
  $("views").hidden = mode === "compare" || mode === "slices";
  $("compare").hidden = mode !== "compare";
  $("slices").hidden = mode !== "slices";
  $("error-bar").hidden = mode !== "errors";
  const truth = views.find(view => view.kind === "truth");
  if (truth) (mode === "slices" ? $("truth-row") : $("views")).prepend(truth.figure);
  draw();
}

// ---- a scene
function makeView(view) {
  view.cache = {images: [], errors: []};
  view.canvas = el("canvas", {tabIndex: -1});
  view.strip = el("canvas", {});
  view.value = el("span", {});
  const figure = (canvas, value) => {
    const title = el("span", {title: nameOf(view)});
    if (view.kind === "method") title.append(swatch(page.methods[view.method].colour));
    title.append(nameOf(view));
    return el("figure", {className: "view"}, canvas, el("figcaption", {}, title, value));
  };
  view.figure = figure(view.canvas, view.value);
  view.stripFigure = figure(view.strip, el("span", {}));
  watch(view.canvas, (u, v) => {
    if (state.mode !== "slices") return false;
    setRow(state.y + (v - 0.5) / state.zoom);
    return true;
  });
  return view;
}

function showMetric(metric) {
  $("metric").selectedIndex = metric;
  curves.show(state.scene.curves[metric] || null, new Set(state.scene.new));
  draw();
}

const chosen = select => select.selectedOptions[0] && select.selectedOptions[0].textContent;

// Takes the view of that name for a side of the comparison, if the scene has it.
function choose(side, name) {
  const view = views.findIndex(view => nameOf(view) === name);
  if (view >= 0) $(side).value = view;
}

function open(place) {
  if (!(place >= 0 && place < page.scenes.length)) return;
  play(false);
  const scene = JSON.parse($(`scene-data-${place}`).textContent);
  Object.assign(state, {place, scene, at: scene.frames.length >> 1, zoom: 1, x: 0.5, y: 0.5});
  offerSpeeds(scene.realSpeed);
  $("scene").value = place;
  $("scene-before").disabled = place === 0;
  $("scene-after").disabled = place === page.scenes.length - 1;
  views = scene.views.map(makeView);
  $("truth-row").replaceChildren();
  $("views").replaceChildren(...views.map(view => view.figure));
  $("strips").replaceChildren(...views.map(view => view.stripFigure));
  $("moving").hidden = !scene.frames.length;
  $("at").max = Math.max(0, scene.frames.length - 1);
  $("error-most").textContent = `${scene.errorShown} or more of 255 levels, mean of the channels`;
  // By name: a method, or a metric, may be missing in one scene of a run.
  const usual = {left: Math.min(2, views.length - 1), right: views.length > 3 ? 3 : 0};
  for (const [side, otherwise] of Object.entries(usual)) {
    const kept = chosen($(side));
    $(side).replaceChildren(...views.map((view, i) => el("option", {value: i}, nameOf(view))));
    $(side).value = otherwise;
    choose(side, kept);
  }
  const metric = Math.max(0, scene.curves.findIndex(set => set.label === chosen($("metric"))));
  $("metric").replaceChildren(...scene.curves.map((set, i) => el("option", {value: i}, set.label)));
  $("metric-bar").hidden = !scene.curves.length;
  curves.frame = undefined;
  showMetric(metric);
  $("lossless").replaceChildren();
  if (scene.picture) {
    $("lossless").append("Lossless, from the middle of the scene: ",
      el("a", {href: scene.picture}, scene.picture), ".");
  }
  // All frames of the scene are fetched ahead, so that it plays without gaps.
  for (const view of views) scene.frames.forEach((_, i) => load(view, "images", i));
  $("failed").hidden = !scene.failed.length;
  $("failed").textContent = scene.failed.join(" ");
  showMethods();
  setMode(state.mode);
}
