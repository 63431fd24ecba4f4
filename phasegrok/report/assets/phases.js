// The rule, exactly as phasegrok.phases has it: first crossings of two accuracies, and their gap.
//
// A rule is {train, val, gap, share, budget}: two accuracies, the gap as text in decimal digits
// and whether it is a share of the budget or steps, and the budget in steps (null: each run's).

const NEVER = -1;
const UNKNOWN = -2;
const DECIDED = 0;
const DIVERGED = 2;
const FAILED = 3;

/** The gap in steps. A share is multiplied in whole numbers, so that 0.07 of 100 is 7. */
function gapSteps(rule, budget) {
  if (!rule.share) return Number(rule.gap);
  const [, whole, fraction = "", exponent = "0"] =
    /^(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(String(Number(rule.gap)));
  const product = BigInt(whole + fraction) * BigInt(budget);
  return Number(`${product}e${Number(exponent) - fraction.length}`);
}

/** First step of a run at an accuracy within a budget; NEVER, or UNKNOWN if not written down. */
function crossing({ step: own, ladder, recorded }, rungs, run, accuracy, budget) {
  const rung = rungs.indexOf(accuracy);
  const onLadder = rung < 0 ? UNKNOWN : ladder[run * rungs.length + rung];
  let step = UNKNOWN;
  if (recorded[run] === accuracy) step = own[run];
  else if (onLadder !== UNKNOWN) step = onLadder;
  else if (Number.isNaN(recorded[run])) step = own[run];
  return step > budget ? NEVER : step;
}

function budgetOf(data, run, rule) {
  const own = data.columns.budget[run];
  return rule.budget || (own === UNKNOWN ? data.columns.steps[run] : own);
}

/** What the rule reads of a run. */
function seen(data, run, rule) {
  const budget = budgetOf(data, run, rule);
  return {
    budget,
    steps: data.columns.steps[run],
    status: data.columns.status[run],
    train: crossing(data.columns.train, data.ladder, run, rule.train, budget),
    val: crossing(data.columns.val, data.ladder, run, rule.val, budget),
  };
}

/** The phase of every run, as positions in data.labels. */
function classified(data, rule) {
  const code = Object.fromEntries(data.labels.map((name, i) => [name, i]));
  const { noisy } = data.columns;
  const gaps = new Map();
  const labels = new Uint8Array(data.runs);
  for (let run = 0; run < data.runs; run++) {
    const { budget, steps, status, train, val } = seen(data, run, rule);
    if (!gaps.has(budget)) gaps.set(budget, gapSteps(rule, Math.max(budget, 0)));
    const fitted = train >= 0;
    const generalised = val >= 0;
    let name;
    if (status === FAILED || steps === UNKNOWN || train === UNKNOWN || val === UNKNOWN) {
      name = "undecided";
    } else if (fitted && generalised) {
      name = val - train < gaps.get(budget) ? "comprehension" : "grokking";
    } else if (status !== DIVERGED && steps < budget) {
      name = "undecided";
    } else if (fitted) {
      name = "memorization";
    } else if (generalised) {
      name = noisy[run] ? "inversion" : "val_only";
    } else {
      name = "confusion";
    }
    labels[run] = code[name];
  }
  return labels;
}
