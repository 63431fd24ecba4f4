// The rules, exactly as phasegrok.phases has them: by first crossings of two accuracies and their
// gap, or by both accuracies at the end of the budget.
//
// A rule is {name, train, val, budget} with {gap, share} or {slack}: two accuracies, the budget in
// steps (null: each run's), the gap as text in decimal digits and whether it is a share of the
// budget or steps. What the slack makes of each run's label noise Python has told (full_below).

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
  const phaseOf = rule.name === "final_accuracy" ? byFinalAccuracy(data, rule) : byFirstCrossing(data, rule);
  const { status, steps } = data.columns;
  return Uint8Array.from({ length: data.runs }, (_, run) =>
    code[status[run] === FAILED || steps[run] === UNKNOWN ? "undecided" : phaseOf(run)]);
}

function byFirstCrossing(data, rule) {
  const { noisy } = data.columns;
  const gaps = new Map();
  return (run) => {
    const { budget, steps, status, train, val } = seen(data, run, rule);
    if (!gaps.has(budget)) gaps.set(budget, gapSteps(rule, Math.max(budget, 0)));
    if (train === UNKNOWN || val === UNKNOWN) return "undecided";
    const fitted = train >= 0;
    const generalised = val >= 0;
    if (fitted && generalised) {
      return val - train < gaps.get(budget) ? "comprehension" : "grokking";
    }
    if (status !== DIVERGED && steps < budget) return "undecided";
    if (fitted) return "memorization";
    if (generalised) return noisy[run] ? "inversion" : "val_only";
    return "confusion";
  };
}

/** Accuracies are known where a run ended: at another budget its phase is not. */
function byFinalAccuracy(data, rule) {
  const [trainAcc, valAcc, best, below] = ["train_acc", "val_acc", "max_val_acc", "full_below"].map(data.column);
  const { status, steps } = data.columns;
  return (run) => {
    const budget = budgetOf(data, run, rule);
    const lost = status[run] === DIVERGED; // what diverged has lost all it knew
    if (lost ? steps[run] > budget : steps[run] !== budget) return "undecided";
    const [train, val] = lost ? [0, 0] : [trainAcc[run], valAcc[run]];
    if (!Number.isFinite(train) || !Number.isFinite(val)) return "undecided";
    if (val >= rule.val) {
      if (train >= rule.train) return "coexistence";
      return train < below[run] ? "full inversion" : "partial inversion";
    }
    if (train >= rule.train) return "memorization";
    if (!Number.isFinite(best[run])) return "undecided";
    return best[run] >= rule.val ? "forgetting" : "confusion";
  };
}
