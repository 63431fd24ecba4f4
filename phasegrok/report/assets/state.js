// What the page knows: what Python told, what the reader chose, and what follows from both.

const byId = (id) => document.getElementById(id);

const page = {
  data: null, // what Python told
  state: null, // what the reader chose; the link says it
  maps: null,
  judged: "", // the rule that labels and summary are by
  focus: [0, 0], // the places of the cell that the keyboard is at
  saving: 0, // the timer after which the link says the state
  lost: "", // what is wrong with the server, where there is one
};

/** Labels and cells under the rule in force, made again only when the rule is another. */
function judge() {
  const key = JSON.stringify(page.state.rule);
  if (page.judged !== key) {
    page.labels = classified(page.data, page.state.rule);
    page.summary = summarised(page.data, page.labels);
    page.ranges = new Map();
    page.judged = key;
  }
  page.rule = page.state.rule;
  page.map = page.maps.get(page.state.map);
  if (page.map.id !== "phase" && !page.ranges.has(page.map.id)) {
    page.ranges.set(page.map.id, rangeOf(page.map, page.data.cells));
  }
  page.range = page.ranges.get(page.map.id);
}

/** The cell at places across and up, with the other axes where their menus say. */
function cellOn(i, j) {
  const places = page.state.places.slice();
  places[page.state.x] = i;
  if (page.state.y >= 0) places[page.state.y] = j;
  return cellAt(page.data, places);
}

/** All cells of the slice that is shown. */
function cellsOn() {
  const { x, y } = page.plan;
  return x.values.flatMap((_, i) => (y ? y.values : [0]).map((_, j) => cellOn(i, j)));
}

/** Where a cell is in the slice that is shown; null if in another. */
function placesOn(cell) {
  const { x, y, places } = page.state;
  const at = placesOf(page.data, cell);
  if (at.some((place, axis) => axis !== x && axis !== y && place !== places[axis])) return null;
  return [at[x], y >= 0 ? at[y] : 0];
}
