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
  if (!byId("cursor").hidden) point(page.focus); // what it says may be different now
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
  const { shown, codes } = page.summary;
  const cells = cellsOn();
  const nameOf = (cell) => shown[codes[cell]];
  const [here, all] = [tally(cells, nameOf), tally([...codes.keys()], nameOf)];
  const { sharing, commonest } = ties(cells.filter((cell) => nameOf(cell) === "tie"));
  return shown.filter((name) => here.has(name) || sharing.has(name))
    .map((name) => key(name, `${name} ${countText(here.get(name), all.get(name))}`, commonest));
}

/** How often something is said of these. */
function tally(those, said) {
  const counts = new Map();
  for (const name of those.map(said)) counts.set(name, (counts.get(name) || 0) + 1);
  return counts;
}

/** How many cells of the slice, and where there are other slices, of all of them. */
function countText(here = 0, all = 0) {
  return page.data.axes.length > 2 ? `${numberText(here)} here, ${numberText(all)} in all` : numberText(here);
}

/** The phases that share these tied cells, and those of the commonest tie, which stands for all. */
function ties(cells) {
  const tied = cells.map((cell) => leadersOf(page.data, page.summary, cell));
  const times = tally(tied, String);
  const most = Math.max(...times.values());
  return {
    sharing: new Set(tied.flat()),
    commonest: tied.find((leaders) => times.get(String(leaders)) === most) || [],
  };
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
  const sliced = data.axes.length > 2;
  const here = sliced ? tally(cellsOn(), (cell) => map.look(cell).shown) : range.others;
  const others = [...range.others].filter(([name]) => here.has(name)).map(([name, count]) =>
    key(name, `${WORDS[name] || name} (${countText(here.get(name), count)})`, []));
  return [make("b", { text: map.label }), scale, ...others];
}
