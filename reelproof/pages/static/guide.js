// Drawing how things and the camera move: a square pad, and the same paths as text for those who would rather type.

const SVG = "http://www.w3.org/2000/svg";
const MOST = 12; // points kept of a drawn line
const PATTERNS = { thing: 2, camera: 4 };

const round = (value) => Math.round(value * 100) / 100;
const within = (value, most) => Math.max(-most, Math.min(most, value));

// "x,y x,y" or "time:x,y ...": rows of numbers with a time each, or null where it can't be read.
function rows(text, most) {
  const words = text.trim().split(/\s+/);
  const found = words.map((word, index) => {
    const [, before, after] = /^(?:([\d.]+):)?(.+)$/.exec(word) ?? [];
    const time = before === undefined ? index / Math.max(words.length - 1, 1) : Number(before);
    return [time, ...(after ?? "").split(",").map((number) => (number.trim() === "" ? NaN : Number(number)))];
  });
  return found.every((row) => row.length >= 3 && row.length <= most + 1 && row.every(Number.isFinite)) ? found : null;
}

// Evenly spaced points of a drawn line, so that slow and quick hands give the same path.
function thinned(line) {
  const lengths = line.map((point, i) => (i ? Math.hypot(point[0] - line[i - 1][0], point[1] - line[i - 1][1]) : 0));
  const along = lengths.reduce((sums, one) => [...sums, (sums.at(-1) ?? 0) + one], []);
  const total = along.at(-1);
  const count = Math.max(2, Math.min(MOST, Math.round(total / 0.12) + 1));
  return Array.from({ length: count }, (_, k) => {
    const at = (total * k) / (count - 1);
    const next = Math.max(1, along.findIndex((one) => one >= at - 1e-9));
    const share = lengths[next] ? (at - along[next - 1]) / lengths[next] : 0;
    return [0, 1].map((axis) => round(line[next - 1][axis] + share * (line[next][axis] - line[next - 1][axis])));
  });
}

export function start(box) {
  const pad = box.querySelector("svg");
  const inputs = Object.fromEntries([...box.querySelectorAll("[data-path]")].map((one) => [one.dataset.path, one]));
  const most = (name) => PATTERNS[name === "camera" ? "camera" : "thing"];
  const chosen = () => box.querySelector("[name=drawn]:checked").value;

  function paint() {
    for (const [name, input] of Object.entries(inputs)) {
      const found = input.value.trim() ? rows(input.value, most(name)) : [];
      input.setCustomValidity(found ? "" : "Write it like -0.5,0 0.5,-0.3");
      const group = pad.querySelector(`[data-of="${name}"]`);
      const places = (found ?? []).map(([, x, y]) => [x, y]);
      const line = document.createElementNS(SVG, "polyline");
      line.setAttribute("points", places.map((place) => place.join(",")).join(" "));
      const end = places.length ? [document.createElementNS(SVG, "circle")] : [];
      for (const dot of end) {
        dot.setAttribute("cx", places.at(-1)[0]);
        dot.setAttribute("cy", places.at(-1)[1]);
        dot.setAttribute("r", "0.055");
      }
      group.replaceChildren(line, ...end);
    }
  }

  let line = null;
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((share) => within(share * 2 - 1, 1));
  };
  pad.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    line = [place(event)];
  });
  pad.addEventListener("pointermove", (event) => {
    if (!line) return;
    line.push(place(event));
    inputs[chosen()].value = thinned(line).map((point) => point.join(",")).join(" ");
    paint();
  });
  const end = () => { line = null; };
  pad.addEventListener("pointerup", end);
  pad.addEventListener("pointercancel", end);
  box.addEventListener("input", paint);
  box.addEventListener("invalid", () => { box.open = true; }, true);
  box.querySelector("[data-clear]").addEventListener("click", () => {
    for (const input of Object.values(inputs)) input.value = "";
    paint();
    inputs[chosen()].focus();
  });
  paint();

  // What is drawn, as the API takes it; null where nothing is.
  return () => {
    const of = (name) => (inputs[name].value.trim() ? rows(inputs[name].value, most(name)) : null);
    const strokes = ["1", "2"].filter(of).map((thing) => ({ thing: Number(thing), points: of(thing) }));
    const camera = (of("camera") ?? []).map(([time, x, y, zoom = 1, roll_deg = 0]) => ({ time, x, y, zoom, roll_deg }));
    return strokes.length || camera.length ? { strokes, camera } : null;
  };
}
