// The diagram on a canvas: cells at the borders that Python computed, ticks, labels, marks.

const TICK = 12; // size of tick labels, in CSS pixels
const LINED = 40; // with more cells on a side, lines between cells would hide them

/** The borders of an axis's cells in pixels: `from[i]` and `to[i]`, and `place(value)`. */
function pixels(axis, start, length) {
  const unit = axis.log ? Math.log : (value) => value;
  const low = unit(axis.low[0]);
  const span = unit(axis.high[axis.high.length - 1]) - low;
  const place = (value) => start + (unit(value) - low) / span * length;
  return { from: axis.low.map(place), to: axis.high.map(place), place };
}

/** Where everything goes on a canvas of this width: the panel, its cells and its ticks. */
function layout(data, view, width) {
  const x = data.axes[view.x];
  const y = data.axes[view.y];
  const narrow = width < 480;
  const left = y ? (narrow ? 60 : 66) : 12;
  const panelWidth = width - left - 14;
  const height = y ? Math.round(Math.min(Math.max(panelWidth * 0.8, 270), 560)) : 70;
  const frame = { left, top: 8, width: panelWidth, height };
  return {
    x, y, frame, narrow,
    height: frame.top + height + 46,
    across: pixels(x, left, panelWidth),
    up: y ? pixels(y, frame.top + height, -height) : { from: [frame.top + height], to: [frame.top] },
  };
}

/** The rectangle of the cell at these places, on whole device pixels: {x, y, width, height}. */
function boxOf(plan, i, j) {
  const x = Math.round(plan.across.from[i]);
  const y = Math.round(plan.up.to[j]);
  return {
    x, y, width: Math.round(plan.across.to[i]) - x, height: Math.round(plan.up.from[j]) - y,
  };
}

/** The places [i, j] of the cell at a point, or null. */
function placeAt(plan, x, y) {
  const i = plan.across.from.findIndex((from, at) => x >= from && x < plan.across.to[at]);
  const j = plan.up.from.findIndex((from, at) => y <= from && y > plan.up.to[at]);
  return i < 0 || j < 0 ? null : [i, j];
}

/** A square of stripes to fill cells with that have no colour of their own. */
function stripes(context, background, color, rising) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  brush.fillStyle = background;
  brush.fillRect(0, 0, 8, 8);
  brush.strokeStyle = color;
  brush.lineWidth = 1.4;
  for (const shift of [-8, 0, 8]) {
    brush.beginPath();
    brush.moveTo(shift - 1, rising ? 9 : -1);
    brush.lineTo(shift + 9, rising ? -1 : 9);
    brush.stroke();
  }
  return context.createPattern(tile, "repeat");
}

/** How to fill what is no phase and no value. */
function fillings(context, colors) {
  return {
    missing: stripes(context, colors.empty, colors.marks, true),
    censored: stripes(context, colors.censored, colors.censoredMarks, false),
    failed: colors.empty,
    none: colors.none,
    undecided: colors.undecided,
  };
}

/** One cell: a colour, bands of tied phases, or a marked filling. */
function paintCell(context, box, fill, bands, cross) {
  if (bands) {
    paintBands(context, box, bands);
  } else {
    context.fillStyle = fill;
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  if (!cross) return;
  context.strokeStyle = cross;
  context.lineWidth = 1.2;
  context.beginPath();
  for (const [from, to] of [[0.2, 0.8], [0.8, 0.2]]) {
    context.moveTo(box.x + 0.2 * box.width, box.y + from * box.height);
    context.lineTo(box.x + 0.8 * box.width, box.y + to * box.height);
  }
  context.stroke();
}

/** A tied cell, cut along its diagonal into one band of equal area for each phase. */
function paintBands(context, box, colors) {
  context.save();
  context.beginPath();
  context.rect(box.x, box.y, box.width, box.height);
  context.clip();
  // Upwards from the lower left corner; each band covers what is left of those before it.
  colors.forEach((color, k) => {
    const area = k / colors.length;
    const cut = area <= 0.5 ? Math.sqrt(2 * area) : 2 - Math.sqrt(2 * (1 - area));
    const point = (u, v) => [box.x + u * box.width, box.y + (1 - v) * box.height];
    context.fillStyle = color;
    context.beginPath();
    for (const corner of [[cut, 0], [2, 0], [2, 2], [0, 2], [0, cut]]) {
      context.lineTo(...point(...corner));
    }
    context.fill();
  });
  context.restore();
}

/** Draw a map. `paint(i, j)` gives [fill, bands, cross] of the cell at those places. */
function drawMap(canvas, plan, colors, ink, paint) {
  const ratio = window.devicePixelRatio || 1;
  const width = plan.frame.left + plan.frame.width + 14;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(plan.height * ratio);
  canvas.style.height = `${plan.height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const columns = plan.x.values.length;
  const rows = plan.y ? plan.y.values.length : 1;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) paintCell(context, boxOf(plan, i, j), ...paint(i, j));
  }
  if (Math.max(columns, rows) <= LINED) drawLines(context, plan, colors.frame, columns, rows);
  drawAxes(context, plan, ink);
}

/** Two strokes across an axis where zero is set off from the rest of it. */
function drawBreaks(context, plan) {
  const { left, top, height } = plan.frame;
  const stroke = (x, y, right, up) => line(context, x - right, y + up, x + right, y - up);
  if (plan.x.broken) {
    for (const x of breakOf(plan.across)) stroke(x, top + height, 2, 6);
  }
  if (plan.y?.broken) {
    for (const y of breakOf(plan.up)) stroke(left, y, 6, 2);
  }
}

/** Where the first cell of a broken axis ends and the next begins, in pixels. */
function breakOf({ from, to }) {
  return [to[0], from[1]];
}

function drawLines(context, plan, color, columns, rows) {
  context.strokeStyle = color;
  context.lineWidth = 0.6;
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const box = boxOf(plan, i, j);
      context.strokeRect(box.x, box.y, box.width, box.height);
    }
  }
}

function drawAxes(context, plan, ink) {
  const { left, top, width, height } = plan.frame;
  const bottom = top + height;
  const font = getComputedStyle(document.body).fontFamily;
  context.fillStyle = context.strokeStyle = ink;
  context.lineWidth = 1;
  drawBreaks(context, plan);
  context.font = `${TICK}px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "top";
  let free = -Infinity; // labels that would touch the one before are left out
  for (const [value, text] of plan.x.ticks[plan.narrow ? 0 : 1]) {
    const x = plan.across.place(value);
    line(context, x, bottom, x, bottom + 5);
    const short = clipped(context, text, 110);
    const half = context.measureText(short).width / 2;
    if (x - half < free) continue;
    context.fillText(short, Math.min(x, left + width + 12 - half), bottom + 8);
    free = x + half + 6;
  }
  context.font = `${TICK + 1}px ${font}`;
  context.fillText(clipped(context, plan.x.label, width), left + width / 2, bottom + 27);
  if (!plan.y) return;
  context.font = `${TICK}px ${font}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  free = Infinity;
  for (const [value, text] of plan.y.ticks[plan.narrow ? 0 : 1]) {
    const y = plan.up.place(value);
    line(context, left - 5, y, left, y);
    if (y + TICK / 2 > free) continue;
    context.fillText(clipped(context, text, left - 24), left - 8, y);
    free = y - TICK / 2 - 2;
  }
  context.save();
  context.font = `${TICK + 1}px ${font}`;
  context.translate(9, top + height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(clipped(context, plan.y.label, height), 0, 0);
  context.restore();
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** The text, or as much of its beginning as is no longer than `width`. */
function clipped(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let kept = text;
  while (kept && context.measureText(`${kept}…`).width > width) kept = kept.slice(0, -1);
  return `${kept}…`;
}
