// What can be chosen, and the link that restores it.

const sideWords = { train: "Training accuracy that counts as fitted",
  val: "Validation accuracy that counts as generalised" };

/** Whole numbers from low to high that a reader would choose: 1, 1.5, 2, 3, 5, 7 of each ten. */
function roundNumbers(low, high) {
  const found = [];
  for (let power = 10 ** Math.floor(Math.log10(Math.max(low, 1))); power <= high; power *= 10) {
    found.push(...[1, 1.5, 2, 3, 5, 7].map((digit) => digit * power));
  }
  return found.filter((value) => value >= low && value <= high && Number.isInteger(value));
}

const inOrder = (values) => [...new Set(values)].sort((a, b) => a - b);

/** The values that each slider stops at; the sweep's own are among them. */
function stopsOf(data, share) {
  const { train, val, gap = 0, budget } = data.rule;
  const own = data.rule.share === share ? [Number(gap)] : [];
  const shares = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9];
  const gaps = share ? shares : [0, ...roundNumbers(1, budget)];
  const budgets = [...roundNumbers(1, budget), ...[1, 2, 4].map((part) => Math.floor(budget / part))];
  return {
    train: inOrder([...data.ladder, train]),
    val: inOrder([...data.ladder, val]),
    gap: inOrder([...gaps, ...own]),
    budget: inOrder(budgets.filter((value) => value > 0)),
  };
}

/** Whether the sweep's rule asks how long a run took from fitting to generalising. */
const hasGap = (data) => "gap" in data.rule;

/** What a threshold may be, as the rule in Python has it. */
function allowed(name, value, share) {
  if (!Number.isFinite(value)) return false;
  if (name === "budget") return Number.isInteger(value) && value > 0 && value < 2 ** 53;
  if (name === "gap") return share ? value >= 0 && value < 1 : value === 0 || value >= 1;
  return value > 0 && value <= 1;
}

/** A slider with a box beside it for other values; `changed(value)` is called with numbers. */
function threshold(name, words, stops, value, share, changed) {
  const nearest = (number) => stops.reduce((best, stop, i) =>
    (Math.abs(stop - number) < Math.abs(stops[best] - number) ? i : best), 0);
  const id = `rule-${name}`;
  const range = make("input", { type: "range", id, min: 0, max: stops.length - 1, step: 1 });
  const box = make("input", { type: "text", id: `${id}-exact`, inputmode: "decimal", "aria-label": `${words}, exactly` });
  const show = (number) => {
    range.value = nearest(number);
    range.setAttribute("aria-valuetext", String(number));
    box.value = String(number);
    box.setCustomValidity("");
  };
  range.addEventListener("input", () => {
    show(stops[range.value]);
    changed(stops[range.value]);
  });
  box.addEventListener("change", () => {
    const number = Number(box.value.trim() || NaN);
    if (!allowed(name, number, share)) {
      box.setCustomValidity("not a value this can have");
      box.reportValidity();
      return;
    }
    show(number);
    changed(number);
  });
  show(value);
  return make("div", {}, make("label", { for: id, text: words }),
    make("div", { class: "threshold" }, range, box));
}

function menu(id, words, options, chosen, changed) {
  const select = make("select", { id }, ...options.map(([value, text]) =>
    make("option", { value, text, selected: value === chosen })));
  select.addEventListener("change", () => changed(select.value));
  return [make("label", { for: id, text: words }), select];
}

/** The menus for the map and the axes. `set(changes)` takes what is new of the state. */
function viewControls(data, state, maps, set) {
  const parts = menu("map-kind", "Shown", [...maps.values()].map((map) => [map.id, map.label]),
    state.map, (map) => set({ map }));
  if (data.axes.length > 1) {
    const options = data.axes.map((axis, i) => [String(i), axis.label]);
    for (const [side, words] of [["x", "Across"], ["y", "Up"]]) {
      parts.push(...menu(`axis-${side}`, words, options, String(state[side]), (value) =>
        set(exchanged(state, side, Number(value)))));
    }
  }
  data.axes.forEach((axis, i) => {
    if (i === state.x || i === state.y) return;
    const options = axis.values.map((text, place) => [String(place), text]);
    parts.push(...menu(`fixed-${axis.name}`, axis.label, options, String(state.places[i]), (value) =>
      set({ places: state.places.with(i, Number(value)), picked: null })));
  });
  return parts;
}

/** The axes after one side took another; the side that had it takes the one let go. */
function exchanged(state, side, axis) {
  const other = side === "x" ? "y" : "x";
  return { [side]: axis, [other]: state[other] === axis ? state[side] : state[other], picked: null };
}

function ruleControls(data, state, set) {
  const stops = stopsOf(data, state.rule.share);
  const rule = (changes) => set({ rule: { ...state.rule, ...changes } });
  const unit = menu("gap-unit", "Gap in", [["share", "shares of the budget"], ["steps", "steps"]],
    state.rule.share ? "share" : "steps", (value) => rule(otherUnit(state.rule, value === "share")));
  const own = make("button", { type: "button", id: "own-rule", text: "The sweep's own rule" });
  own.addEventListener("click", () => set({ rule: { ...data.rule } }, true));
  const gapWords = hasGap(data) && `Gap from which a run groks (${state.rule.share ? "share of the budget" : "steps"})`;
  return [
    ...["train", "val"].map((side) => threshold(side, sideWords[side], stops[side], state.rule[side],
      null, (value) => rule({ [side]: value }))),
    ...(gapWords ? [threshold("gap", gapWords, stops.gap, Number(state.rule.gap), state.rule.share,
      (value) => rule({ gap: String(value) })), ...unit] : []),
    threshold("budget", "Budget (steps)", stops.budget, state.rule.budget, null,
      (value) => rule({ budget: value })),
    own,
  ];
}

/** The same gap in the other unit, rounded to whole steps. */
function otherUnit(rule, share) {
  if (share === rule.share) return {};
  if (!share) return { share, gap: String(Math.round(gapSteps(rule, rule.budget))) };
  const part = Number((Number(rule.gap) / rule.budget).toPrecision(6));
  return { share, gap: String(part < 1 ? part : 0.9) };
}

/** The state as it is before anyone chooses. */
function initial(data) {
  return {
    map: "phase", x: 0, y: data.axes.length > 1 ? 1 : -1, places: data.axes.map(() => 0),
    rule: { ...data.rule }, picked: null,
  };
}

/**
 * What of the state is not as at first, as the part of a link after #. Axes and their values are
 * named, so that the link means the same when the sweep has grown; a chosen cell has one on each.
 */
function hashOf(data, state) {
  const [first, parts] = [initial(data), new URLSearchParams()];
  if (state.map !== first.map) parts.set("map", state.map);
  for (const side of ["x", "y"]) {
    if (state[side] !== first[side]) parts.set(side, data.axes[state[side]].key);
  }
  const picked = state.picked === null ? null : placesOf(data, state.picked);
  data.axes.forEach((axis, i) => {
    const fixed = i !== state.x && i !== state.y;
    if (picked) parts.set(axis.key, axis.keys[picked[i]]);
    else if (fixed && state.places[i]) parts.set(axis.key, axis.keys[state.places[i]]);
  });
  for (const name of ["train", "val", "budget"]) {
    if (state.rule[name] !== first.rule[name]) parts.set(name, state.rule[name]);
  }
  if (state.rule.gap !== first.rule.gap || state.rule.share !== first.rule.share) {
    parts.set("gap", state.rule.gap);
    parts.set("unit", state.rule.share ? "share" : "steps");
  }
  return parts.toString();
}

/** The state that a link says; what it says wrongly is as at first. */
function stateOf(data, hash, maps) {
  const [state, parts] = [initial(data), new URLSearchParams(hash.replace(/^#/, ""))];
  if (maps.has(parts.get("map"))) state.map = parts.get("map");
  for (const side of ["x", "y"]) {
    const axis = data.axes.findIndex((one) => one.key === parts.get(side));
    if (axis >= 0 && state.y >= 0) Object.assign(state, exchanged(state, side, axis));
  }
  const places = data.axes.map((axis) => axis.keys.indexOf(parts.get(axis.key)));
  if (!places.includes(-1)) state.picked = cellAt(data, places);
  data.axes.forEach((_, i) => {
    if (i !== state.x && i !== state.y) state.places[i] = Math.max(places[i], 0);
  });
  const share = parts.has("unit") ? parts.get("unit") === "share" : state.rule.share;
  for (const name of ["train", "val", "budget", "gap"]) {
    const value = Number(parts.get(name) ?? NaN);
    if (!allowed(name, value, share) || (name === "gap" && !hasGap(data))) continue;
    if (name === "gap") Object.assign(state.rule, { gap: String(value), share });
    else state.rule[name] = value;
  }
  return state;
}
