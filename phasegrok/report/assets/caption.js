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
  const { gap, ...others } = data.rule;
  return Number(rule.gap) === Number(gap) &&
    Object.entries(others).every(([name, value]) => rule[name] === value);
}

/** The rule in words, which say that memorization is censored at the budget chosen. */
function ruleText(rule) {
  const text = (value) => String(Number(value.toPrecision(6)));
  return `First crossing: fitted at training accuracy ≥ ${text(rule.train)}, generalised at ` +
    `validation accuracy ≥ ${text(rule.val)}. Grokking: generalised ` +
    `${counted(text(gapSteps(rule, rule.budget)), "step")} or more after fitting. Memorization: ` +
    "fitted, even if it collapsed later, and not generalised within " +
    `${counted(rule.budget, "step")} (censored).`;
}
