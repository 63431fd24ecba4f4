// What Python packed: words as they are, numbers as typed arrays in one compressed block.

/** The bytes of a base64 text. */
function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** The bytes that zlib compressed, from their base64 text. */
async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A payload made ready: its own fields; `column(name)`, a typed array, and `columns`, those that
 * the rule reads of every run; the cells of the whole grid, numbered with the last axis running
 * fastest; and which runs are in which cell.
 */
async function unpacked(payload) {
  const { buffer } = await inflated(payload.block);
  const columns = new Map();
  for (const [name, { type, offset, length }] of Object.entries(payload.arrays)) {
    columns.set(name, new globalThis[`${type}Array`](buffer, offset, length));
  }
  const data = { ...payload, block: null, column: (name) => columns.get(name) };
  const side = (name) => ({ step: columns.get(`${name}_step`), ladder: columns.get(`${name}_ladder`),
    recorded: columns.get(`${name}_recorded`) });
  data.columns = { train: side("train"), val: side("val"), steps: columns.get("steps"),
    budget: columns.get("budget"), status: columns.get("status"), noisy: columns.get("noisy") };
  data.strides = data.axes.map((_, i) =>
    data.axes.slice(i + 1).reduce((product, axis) => product * axis.values.length, 1));
  data.cells = data.axes.reduce((product, axis) => product * axis.values.length, 1);
  return { ...data, ...runsByCell(data), ...curveStarts(columns.get("points")) };
}

/** `cellOf[run]`, and the runs of cell c: `order` from `first[c]` up to `first[c + 1]`. */
function runsByCell(data) {
  const places = data.axes.map((axis) => data.column(`at.${axis.name}`));
  const cellOf = new Uint32Array(data.runs);
  const first = new Uint32Array(data.cells + 1);
  for (let run = 0; run < data.runs; run++) {
    let cell = 0;
    places.forEach((place, axis) => { cell += place[run] * data.strides[axis]; });
    cellOf[run] = cell;
    first[cell + 1]++;
  }
  for (let cell = 0; cell < data.cells; cell++) first[cell + 1] += first[cell];
  const order = new Uint32Array(data.runs);
  const next = first.slice();
  for (let run = 0; run < data.runs; run++) order[next[cellOf[run]]++] = run;
  return { cellOf, first, order };
}

function curveStarts(points) {
  const curveStart = new Uint32Array(points.length + 1);
  points.forEach((count, run) => { curveStart[run + 1] = curveStart[run] + count; });
  return { curveStart };
}

function runsOf(data, cell) {
  return data.order.subarray(data.first[cell], data.first[cell + 1]);
}

/** The place of a cell on every axis. */
function placesOf(data, cell) {
  return data.axes.map((axis, i) => Math.floor(cell / data.strides[i]) % axis.values.length);
}

function cellAt(data, places) {
  return places.reduce((cell, place, i) => cell + place * data.strides[i], 0);
}

function idOf(data, run) {
  const bytes = data.column("id").subarray(8 * run, 8 * run + 8);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
