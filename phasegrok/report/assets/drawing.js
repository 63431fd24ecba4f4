// The diagram and its legend, as the state has them.

function render() {
  judge();
  drawDiagram();
  byId("legend").replaceChildren(...legend());
  byId("counts").replaceChildren(countsTable(page));
  byId("caption").replaceChildren(...captionOf(page));
  clearTimeout(page.saving); // a dragged slider draws more often than browsers let links change
  page.saving = setTimeout(saveLink, 150);
}

/** Make the address of the page the link to this view. */
function saveLink() {
  const hash = hashOf(page.data, page.state);
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", `#${hash}`);
}

function drawDiagram() {
  const { data, state } = page;
  const canvas = byId("map").querySelector("canvas");
  page.plan = layout(data, state, byId("map").clientWidth);
  const ink = getComputedStyle(document.body).color;
  const paint = painter(canvas.getContext("2d"));
  drawMap(canvas, page.plan, data.colors, ink, (i, j) => paint(cellOn(i, j)));
  const names = [page.plan.x, page.plan.y].filter(Boolean).map((axis) => axis.label);
  byId("map").setAttribute("aria-label", `${page.map.label} over ${names.join(" and ")}`);
  outline("picked", state.picked === null ? null : placesOn(state.picked));
  hideCursor();
}

/** How to paint a cell: [fill, bands, cross]. */
function painter(context) {
  const { data, map, range, summary } = page;
  const fill = fillings(context, data.colors);
  const ramp = gradient(data.ramps[map.ramp || "values"]);
  return (cell) => {
    const { shown, value } = map.look(cell);
    if (shown === "value") return [ramp[Math.round(255 * along(value, range))]];
    if (shown === "tie") return [null, leadersOf(data, summary, cell).map((name) => data.colors[name])];
    const cross = shown === "failed" ? data.colors.marks : null;
    return [fill[shown] || data.colors[shown], null, cross];
  };
}

const WORDS = {
  censored: "censored: half or more had not yet", missing: "no run", none: "nothing to show",
  failed: "failed", undecided: "undecided",
};

function legend() {
  if (page.map.id !== "phase") return scaleLegend();
  const { data, summary } = page;
  const counts = new Map(summary.shown.map((name) => [name, 0]));
  for (const code of summary.codes) {
    counts.set(summary.shown[code], counts.get(summary.shown[code]) + 1);
  }
  return [...counts].filter(([, count]) => count > 0)
    .map(([name, count]) => key(name, `${name} ${numberText(count)}`, data.phases.slice(0, 2)));
}

/** A swatch with its words. */
function key(name, words, tied) {
  const swatch = make("canvas", { width: 18, height: 14, "aria-hidden": "true" });
  const context = swatch.getContext("2d");
  const { colors } = page.data;
  const bands = name === "tie" ? tied.map((phase) => colors[phase]) : null;
  const filling = fillings(context, colors)[name] || colors[name];
  const cross = name === "failed" ? colors.marks : null;
  paintCell(context, { x: 0, y: 0, width: 18, height: 14 }, filling, bands, cross);
  return make("span", { class: "key" }, swatch, words);
}

function scaleLegend() {
  const { range, map, data } = page;
  const bar = make("canvas", { width: 160, height: 14, "aria-hidden": "true" });
  const context = bar.getContext("2d");
  gradient(data.ramps[map.ramp || "values"]).forEach((color, i) => {
    context.fillStyle = color;
    context.fillRect(Math.floor(i * 160 / 256), 0, 1, 14);
  });
  const scale = range.any
    ? make("span", { class: "key" }, numberText(range.low), bar, numberText(range.high),
      range.log ? " (log)" : "")
    : make("span", { text: "no cell has a value" });
  const others = [...range.others].map(([name, count]) =>
    key(name, `${WORDS[name] || name} (${numberText(count)})`, []));
  return [make("b", { text: map.label }), scale, ...others];
}
