// The runs of a cell together: counts, majority, probability, entropy, medians.

/** What each cell shows, as positions in `shown`, with the counts behind it. */
function summarised(data, labels) {
  const phases = data.phases.length;
  const shown = [...data.phases, "tie", "undecided", "failed", "missing"];
  const [tie, undecided, failed, missing] = [phases, phases + 1, phases + 2, phases + 3];
  const counts = new Uint32Array(data.cells * (phases + 2)); // of phases, undecided, failed
  const { status } = data.columns;
  for (let run = 0; run < data.runs; run++) {
    const of = status[run] === FAILED ? phases + 1 : Math.min(labels[run], phases);
    counts[data.cellOf[run] * (phases + 2) + of]++;
  }
  const codes = new Uint8Array(data.cells);
  for (let cell = 0; cell < data.cells; cell++) {
    const here = counts.subarray(cell * (phases + 2), (cell + 1) * (phases + 2));
    let [leader, sharing] = [0, 0];
    for (let phase = 0; phase < phases; phase++) {
      if (here[phase] > here[leader]) [leader, sharing] = [phase, 0];
      if (here[phase] === here[leader]) sharing++;
    }
    if (here[leader] > here[phases]) {
      codes[cell] = sharing > 1 ? tie : leader;
    } else if (here[phases] > 0) {
      codes[cell] = undecided;
    } else {
      codes[cell] = here[phases + 1] > 0 ? failed : missing;
    }
  }
  return { shown, codes, counts, width: phases + 2 };
}

/** The counts of one cell: {known, undecided, failed, of: [runs in each phase]}. */
function countsOf(data, summary, cell) {
  const here = summary.counts.subarray(cell * summary.width, (cell + 1) * summary.width);
  const of = Array.from(here.subarray(0, data.phases.length));
  const known = of.reduce((sum, count) => sum + count, 0);
  return { of, known, undecided: here[summary.width - 2], failed: here[summary.width - 1] };
}

function leadersOf(data, summary, cell) {
  const { of } = countsOf(data, summary, cell);
  const most = Math.max(...of);
  return data.phases.filter((_, i) => most > 0 && of[i] === most);
}

/** Shannon entropy of the shares, in bits. */
function entropy(of, known) {
  return of.filter((count) => count > 0)
    .reduce((sum, count) => sum - count / known * Math.log2(count / known), 0);
}

/**
 * How long a run took to fit ("train"), to generalise ("val"), or from one to the other ("delay"):
 * {state, time}, as phasegrok.frames.survival has it. A run is "censored" at the end of its budget
 * and "stopped" where another rule had decided it; other states have no time.
 */
function timed(data, run, rule, of) {
  const { budget, steps, status, train, val } = seen(data, run, rule);
  const start = of === "delay" ? train : 0;
  const cross = of === "train" ? train : val;
  const end = status === DIVERGED ? budget : Math.min(steps, budget);
  if (status === FAILED) return { state: "failed" };
  if ([start, cross, steps].includes(UNKNOWN) || (start === NEVER && end < budget)) {
    return { state: "undecided" };
  }
  if (start === NEVER) return { state: "unfitted" };
  if (cross !== NEVER) return { state: "crossed", time: cross - start };
  const stopped = end < budget && status === DECIDED;
  return { state: stopped ? "stopped" : "censored", time: end - start };
}

/**
 * The times of a cell's runs together: {shown, median, atLeast, runs, censored}. The median is
 * Kaplan and Meier's; it counts where runs that were stopped cannot have moved it.
 */
function timesOf(data, cell, rule, of) {
  const all = Array.from(runsOf(data, cell), (run) => timed(data, run, rule, of));
  const runs = all.filter(({ time }) => time !== undefined);
  const has = (state) => all.some((one) => one.state === state);
  const median = medianTime(runs.map(({ state, time }) => [time, state !== "censored"]));
  const latest = medianTime(runs.map(({ state, time }) =>
    [state === "stopped" ? Infinity : time, state === "crossed"]));
  const told = median === latest; // NaN, where neither is reached, equals nothing
  const others = [["undecided", "undecided"], ["unfitted", "none"], ["failed", "failed"]];
  const [, other] = others.find(([state]) => has(state)) || [null, "missing"];
  return {
    shown: told ? "value" : runs.length ? "censored" : other,
    median: told ? median : NaN,
    atLeast: Number.isNaN(median) ? Math.max(...runs.map(({ time }) => time)) : median,
    runs: runs.length,
    censored: runs.filter(({ state }) => state !== "crossed").length,
  };
}

/** First time at which at most half of these [time, crossed] are still on the way; NaN if none. */
function medianTime(times) {
  // Runs cut off at the time of a crossing were still on the way then: they come after it.
  const order = times.slice().sort(([a, first], [b, second]) => (a === b ? second - first : a - b));
  let surviving = 1;
  for (const [i, [time, crossed]] of order.entries()) {
    if (crossed) surviving *= 1 - 1 / (order.length - i);
    if (crossed && surviving < 0.5 + 1e-9) return time;
  }
  return NaN;
}

function medianOf(values) {
  if (!values.length) return NaN;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
