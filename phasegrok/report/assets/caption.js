// The caption: what the diagram cannot show, for the map, the slice and the rule in force.

/** The caption as text and marks, as phasegrok.frames.words has it. */
function captionOf({ data, state, map }) {
  const { asked, budget, runs, seeds, majority, data: hash } = data.caption;
  const shows = map.id === "phase"
    ? `${runs}; cells (counted in the legend) show ${majority}` : `${runs} of ${seeds}; ${map.shows}`;
  const start = [asked, sliceText(data, state), `Budget ${counted(budget, "step")}, ${shows}.`];
  const own = isOwnRule(data, state.rule);
  return [
    `${start.filter(Boolean).join(" ")} `,
    ...(own ? [] : [make("b", { text: "Not the sweep's own rule." }), " "]),
    `${ruleText(state.rule)} Data ${hash}.`,
  ];
}

/** The values of the axes that stand still. */
function sliceText(data, state) {
  const fixed = data.axes.map((axis, i) => [axis, i])
    .filter(([, i]) => i !== state.x && i !== state.y)
    .map(([axis, i]) => `${axis.label} = ${axis.values[state.places[i]]}`);
  return fixed.length ? `Here ${fixed.join(", ")}.` : "";
}

function isOwnRule(data, rule) {
  const { gap = 0, ...others } = data.rule;
  return Number(rule.gap ?? 0) === Number(gap) &&
    Object.entries(others).every(([name, value]) => rule[name] === value);
}

/** The rule in words, as phasegrok.frames.captions has them, at the budget chosen. */
function ruleText(rule) {
  const text = (value) => String(Number(value.toPrecision(6)));
  const thresholds = `fitted at training accuracy ≥ ${text(rule.train)}, generalised at ` +
    `validation accuracy ≥ ${text(rule.val)}.`;
  if (rule.name === "final_accuracy") {
    return `Final accuracies, at step ${rule.budget}: ${thresholds} Coexistence: fitted and ` +
      "generalised. Inversion: generalised, not fitted; full at a training accuracy below " +
      `${text(1 + rule.slack)} − label noise, else partial. Memorization: fitted, not ` +
      "generalised. Forgetting: neither, but had generalised before. Confusion: neither, and " +
      "never had generalised. A diverged run has neither.";
  }
  return `First crossing: ${thresholds} Grokking: generalised ` +
    `${counted(text(gapSteps(rule, rule.budget)), "step")} or more after fitting. Memorization: ` +
    "fitted, even if it collapsed later, and not generalised within " +
    `${counted(rule.budget, "step")} (censored).`;
}
