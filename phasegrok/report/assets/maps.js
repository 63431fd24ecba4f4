// The maps that can be shown: what each makes of a cell, and in which colour.
//
// A map's `look(cell)` gives {shown, value}: `shown` is "value", or why there is none. Its `shows`
// is what the caption says of it.

/** All maps of a sweep by id, in the order of the menu. `get()` gives {data, rule, summary}. */
function mapsOf(data, get) {
  const maps = [{ id: "phase", label: "phase", look: (cell) => phaseLook(get(), cell) }];
  data.phases.forEach((phase, i) => maps.push({
    id: `p.${phase}`, label: `probability of ${phase}`, low: 0, high: 1, ramp: "shares",
    shows: `cells show the share of seeds in ${phase}, none where a seed is undecided`,
    look: (cell) => shareLook(get(), cell, (counts) => counts.of[i] / counts.known),
  }));
  maps.push({
    id: "entropy", label: "disagreement of seeds (entropy, bits)", low: 0, ramp: "shares",
    shows: "cells show the entropy of the phases of their seeds in bits, 0 where all agree",
    look: (cell) => shareLook(get(), cell, (counts) => entropy(counts.of, counts.known)),
  });
  const waits = [["train", "steps to fit"], ["val", "steps to generalise"],
    ["delay", "delay from fitting to generalising (steps)"]];
  for (const [of, label] of waits) {
    maps.push({
      id: of, label, log: true, shows: `cells show the ${label}: Kaplan–Meier median over seeds`,
      look: (cell) => stepsLook(get(), cell, of),
    });
  }
  for (const [name, label] of data.observables) {
    maps.push({
      id: name, label: `${label}, median of seeds`, shows: `cells show ${label}: median over seeds`,
      look: (cell) => valueLook(get(), cell, name),
    });
  }
  return new Map(maps.map((map) => [map.id, map]));
}

function phaseLook({ summary }, cell) {
  return { shown: summary.shown[summary.codes[cell]] };
}

/** None where a seed is undecided: which ones are depends on what they did. */
function shareLook({ data, summary }, cell, share) {
  const counts = countsOf(data, summary, cell);
  if (counts.undecided) return { shown: "undecided" };
  if (counts.known) return { shown: "value", value: share(counts) };
  return { shown: summary.shown[summary.codes[cell]] };
}

function stepsLook({ data, rule }, cell, of) {
  const { shown, median, atLeast } = timesOf(data, cell, rule, of);
  return { shown, value: shown === "value" ? median : atLeast };
}

function valueLook({ data }, cell, name) {
  const column = data.column(`observed.${name}`);
  const { status } = data.columns;
  const all = Array.from(runsOf(data, cell));
  const runs = all.filter((run) => status[run] !== FAILED);
  const values = runs.map((run) => column[run]).filter(Number.isFinite);
  if (values.length) return { shown: "value", value: medianOf(values) };
  return { shown: runs.length ? "none" : all.length ? "failed" : "missing" };
}

// Values that span this factor are coloured on a log scale.
const WIDE = 100;

/** Lowest and highest colour of a map over all cells, on which scale, and what else is there. */
function rangeOf(map, cells) {
  let [low, high, positive] = [Infinity, -Infinity, Infinity];
  const others = new Map();
  for (let cell = 0; cell < cells; cell++) {
    const { shown, value } = map.look(cell);
    if (shown === "value") {
      low = Math.min(low, value);
      high = Math.max(high, value);
      if (value > 0) positive = Math.min(positive, value);
    } else {
      others.set(shown, (others.get(shown) || 0) + 1);
    }
  }
  const wide = low > 0 && high / low >= WIDE && map.low === undefined;
  const log = (Boolean(map.log) || wide) && positive < Infinity;
  low = map.low ?? (log ? positive : low);
  high = map.high ?? high;
  return { low, high: high > low ? high : low + (log ? low : 1), log, others, any: high > -Infinity };
}

/** The share of the way from the lowest to the highest colour. */
function along(value, { low, high, log }) {
  const share = log
    ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
    : (value - low) / (high - low);
  return Math.min(Math.max(share, 0), 1);
}

/** 256 colours from a few, as CSS writes them. */
function gradient(colors) {
  const rgb = colors.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = i / 255 * (rgb.length - 1);
    const from = Math.min(Math.floor(at), rgb.length - 2);
    const mixed = rgb[from].map((c, k) => Math.round(c + (rgb[from + 1][k] - c) * (at - from)));
    return `rgb(${mixed.join(",")})`;
  });
}

/** "1 run", "2 runs", from a number that is written already. */
function counted(text, what) {
  return `${text} ${what}${String(text) === "1" ? "" : "s"}`;
}

/** A number as a reader would write it. */
function numberText(value) {
  if (!Number.isFinite(value)) return "none";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(4)));
  return value.toExponential(2);
}
