// What stands beside the diagram: the tip, the legend, the chosen cell, counts and facts.
// Every text enters the page as text, never as markup.

/** An element with attributes and children; strings among these are text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** A short line as the curves have it, in the colour of the text if in no other. */
function lineMark(dash, color = "currentColor") {
  const mark = byId("line").content.firstElementChild.cloneNode(true);
  mark.firstElementChild.setAttribute("stroke", color);
  mark.firstElementChild.setAttribute("stroke-dasharray", dash || "none");
  return mark;
}

function table(heads, rows, numbers = []) {
  const kind = (i) => ({ class: numbers.includes(i) ? "number" : null });
  const head = make("tr", {}, ...heads.map((text, i) => make("th", { ...kind(i), scope: "col", text })));
  const body = rows.map((row) => make("tr", {}, ...row.map((content, i) => make("td", kind(i), content))));
  return make("div", { class: "wide" },
    make("table", {}, ...(heads.length ? [make("thead", {}, head)] : []), make("tbody", {}, ...body)));
}

/** Where a cell lies, in words. */
function cellText(data, cell) {
  const places = placesOf(data, cell);
  return data.axes.map((axis, i) => `${axis.label} ${axis.values[places[i]]}`).join(", ");
}

/** One line on how long the seeds of a cell took: the median, or what is known of it. */
function waitText(data, cell, rule, of, words) {
  const { shown, median, atLeast, runs, censored } = timesOf(data, cell, rule, of);
  if (!runs) return null;
  const time = shown === "value" ? numberText(median) : `at least ${numberText(atLeast)}`;
  const rest = censored ? ` (${censored} of ${runs} censored)` : "";
  return `${words}: ${time}${rest}`;
}

/** A share in per cent, with its 95 % credible interval where Python told it. */
function percent(data, count, known) {
  const text = (share) => Math.round(100 * share);
  const interval = data.intervals[known]?.[count];
  const between = interval ? `; 95 %: ${text(interval[0])} to ${text(interval[1])} %` : "";
  return `(${text(count / known)} %${between})`;
}

/** All that a hover tells of a cell, as lines; the first is where it lies. */
function cellLines({ data, rule, summary, map }, cell) {
  const counts = countsOf(data, summary, cell);
  const lines = [cellText(data, cell)];
  const shares = data.phases
    .map((phase, i) => [phase, counts.of[i]])
    .filter(([, count]) => count > 0)
    .map(([phase, count]) => `${phase} ${count} of ${counts.known + counts.undecided}` +
      (counts.undecided ? "" : ` ${percent(data, count, counts.known)}`) +
      (phase === "memorization" && rule.name !== "final_accuracy" ? `, censored at ${counted(numberText(rule.budget), "step")}` : ""));
  const none = runsOf(data, cell).length ? "no seed has a phase" : "no run here yet";
  lines.push(...(shares.length ? shares : [none]));
  if (counts.undecided) lines.push(`${counts.undecided} undecided: the stored data cannot answer this rule`);
  if (counts.failed) lines.push(`${counts.failed} failed`);
  const waits = [["train", "Steps to fit"], ["val", "Steps to generalise"], ["delay", "Delay"]];
  lines.push(...waits.map(([of, words]) => waitText(data, cell, rule, of, words)).filter(Boolean));
  if (map.id !== "phase" && !["train", "val", "delay"].includes(map.id)) {
    const { shown, value } = map.look(cell);
    lines.push(`${map.label}: ${shown === "value" ? numberText(value) : shown}`);
  }
  return lines;
}

/** The chosen cell: its seeds in a table, and their curves. */
function cellPanel(element, shown, cell) {
  const { data, rule } = shown;
  const runs = Array.from(runsOf(data, cell)).sort((a, b) => data.column("seed")[a] - data.column("seed")[b]);
  const stepText = (step) => (step >= 0 ? numberText(step) : step === NEVER ? "never" : "unknown");
  const ends = ["decided", "budget ended", "diverged", "failed"];
  const curves = runs.filter((run) => data.curveStart[run + 1] > data.curveStart[run]);
  const rows = runs.map((run) => {
    const { steps, status, train, val } = seen(data, run, rule);
    const line = curves.includes(run) ? [lineMark(dashOf(curves.indexOf(run))), " "] : [];
    return [make("span", { class: "seed" }, ...line, String(data.column("seed")[run])), status === FAILED ? "failed" : data.labels[shown.labels[run]], stepText(train), stepText(val),
      `${ends[status]}${steps >= 0 ? ` at ${numberText(steps)}` : ""}`, idOf(data, run).slice(0, 8)];
  });
  const close = make("button", { type: "button", text: "Close" });
  element.replaceChildren(
    make("h2", { text: cellText(data, cell) }),
    ...cellLines(shown, cell).slice(1).map((text) => make("div", { class: "small", text })),
    ...(curves.length ? [make("div", { id: "curves", role: "img", "aria-label":
      `Accuracies of ${counted(curves.length, "seed")} by step` }), curveKey(data)] : []),
    ...withoutCurves(data, runs).map((text) => make("p", { class: "small", text })),
    rows.length
      ? table(["seed", "phase", "fits", "generalises", "ended", "run"], rows, [2, 3])
      : make("p", { text: "No run of this cell has ended yet." }),
    close,
  );
  if (curves.length) drawCurves(element.querySelector("#curves"), data, curves, rule);
  return close;
}

/** Why some of these runs have no curves, in sentences. */
function withoutCurves(data, runs) {
  const untold = runs.filter((run) => data.column("untold")[run]);
  const none = runs.every((run) => data.curveStart[run + 1] === data.curveStart[run]);
  const seeds = untold.map((run) => data.column("seed")[run]).join(", ");
  if (untold.length) {
    return [`Seed ${seeds}: a curve is stored, whose accuracies are no counts of right answers; ` +
      "it is in results.parquet."];
  }
  return runs.length && none ? ["No curves are stored with these runs."] : [];
}

/** Which line of the curves is which; the table has the line of each seed. */
function curveKey(data) {
  return make("p", { class: "small" },
    lineMark("", data.colors.train), " training and ", lineMark("", data.colors.val),
    " validation accuracy, the seeds as in the table; ", lineMark(THRESHOLD),
    " thresholds and budget; a diamond where a seed reaches a threshold.");
}

/** How many cells show what, and how many runs. */
function countsTable({ data, summary, labels }) {
  const cells = new Array(summary.shown.length).fill(0);
  for (const code of summary.codes) cells[code]++;
  const runs = new Array(summary.shown.length).fill(0);
  const status = data.column("status");
  labels.forEach((label, run) => {
    const name = status[run] === FAILED ? "failed" : data.labels[label];
    runs[summary.shown.indexOf(name)]++;
  });
  const missing = summary.shown.indexOf("missing");
  runs[missing] = Math.max(data.planned - data.runs, 0);
  const rows = summary.shown
    .map((name, i) => [name, numberText(cells[i]), name === "tie" ? "" : numberText(runs[i])])
    .filter((_, i) => cells[i] || runs[i]);
  return table(["", "cells", "runs"], rows, [1, 2]);
}

function failureTable(data) {
  if (!data.failed) return make("p", { text: "No run failed." });
  const rows = data.failures.map((one) => [one.run_id, one.cell, String(one.seed), String(one.times), one.reason]);
  const rest = data.failed - rows.length;
  return make("div", {}, table(["run", "cell", "seed", "times", "reason"], rows, [2, 3]),
    ...(rest > 0 ? [make("p", { text: `and ${rest} more` })] : []));
}

/** Links to the runs as files: in the page, or at the server that the page came from. */
function downloadLinks(data) {
  const kinds = [["csv", "text/csv"], ["parquet", "application/vnd.apache.parquet"]];
  return make("p", {}, ...kinds.map(([kind, type]) => {
    const name = `${data.name.replace(/[^\w.-]+/g, "_") || "runs"}.${kind}`;
    const link = make("a", { id: `runs-${kind}`, href: data.files ? "#" : `runs.${kind}`, download: name, text: name });
    if (data.files) {
      link.addEventListener("click", async (event) => {
        if (link.href.startsWith("blob:")) return;
        event.preventDefault();
        const bytes = kind === "csv" ? await inflated(data.files.csv) : bytesOf(data.files.parquet);
        link.href = URL.createObjectURL(new Blob([bytes], { type }));
        link.click();
      });
    }
    return link;
  }), make("span", { class: "small", text: `${counted(numberText(data.runs), "run")}, without curves` }));
}
