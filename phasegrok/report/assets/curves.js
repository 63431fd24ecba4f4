// The training curves of a cell's seeds, drawn by Plotly, which is unpacked when first needed.

// Of each seed, in pixels; the thresholds have one that no seed has.
const DASHES = ["", "8px,4px", "2px,3px", "10px,3px,2px,3px", "18px,5px", "18px,3px,2px,3px,2px,3px"];
const THRESHOLD = "1px,7px";

const dashOf = (k) => DASHES[k % DASHES.length];

let plotly = null;

/** Plotly, ready. Its text is in the page, compressed; the page's policy knows its hash. */
function plotlyReady() {
  plotly ??= inflated(document.getElementById("plotly").textContent).then((bytes) => {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(bytes);
    document.head.append(script);
    return window.Plotly;
  });
  return plotly;
}

/** The curve of a run on one side: {steps, shares}; empty where none is stored. */
function curveOf(data, run, side) {
  const [from, to] = [data.curveStart[run], data.curveStart[run + 1]];
  const total = data.column(`${side}_total`)[run];
  return {
    steps: Array.from(data.column("curve.step").subarray(from, to)),
    shares: Array.from(data.column(`curve.${side}`).subarray(from, to), (count) => count / total),
    counts: Array.from(data.column(`curve.${side}`).subarray(from, to)),
    total,
  };
}

/** Draw the accuracies of these runs over their steps into an element. */
async function drawCurves(element, data, runs, rule) {
  const traces = [];
  let [last, first] = [1, Infinity];
  for (const run of runs) {
    const { steps } = curveOf(data, run, "train");
    last = Math.max(last, ...steps);
    first = Math.min(first, ...steps.filter((step) => step > 0));
  }
  if (!Number.isFinite(first)) first = 1;
  const zero = first / 3; // where step 0, which a log scale has no place for, is drawn
  const at = (step) => (step > 0 ? step : zero);
  runs.forEach((run, k) => {
    for (const [side, word] of [["train", "training"], ["val", "validation"]]) {
      const { steps, shares, counts, total } = curveOf(data, run, side);
      if (!steps.length) continue;
      const name = `${word}, seed ${data.column("seed")[run]}`;
      const color = data.colors[side];
      traces.push({
        x: steps.map(at), y: shares, name, mode: "lines", line: { color, width: 1.6,
          dash: dashOf(k) || "solid" },
        text: steps.map((step, i) => `step ${step}: ${counts[i]} of ${total}`),
        hovertemplate: `${name}<br>%{text}<extra></extra>`,
      });
      const crossed = seen(data, run, rule)[side];
      if (crossed >= 0) {
        traces.push({
          x: [at(crossed)], y: [rule[side]], name, mode: "markers", showlegend: false,
          marker: { color, size: 8, symbol: "diamond" },
          hovertemplate: `${name}<br>reached ${rule[side]} at step ${crossed}<extra></extra>`,
        });
      }
    }
  });
  const Plotly = await plotlyReady();
  if (!element.isConnected) return;
  await Plotly.newPlot(element, traces, curveLayout(data.colors, rule, zero, first, last), {
    responsive: true, displayModeBar: false,
  });
}

function curveLayout(colors, rule, zero, first, last) {
  const css = getComputedStyle(document.documentElement);
  const [ink, grid] = [css.getPropertyValue("--text"), css.getPropertyValue("--line")];
  const powers = [];
  for (let power = Math.ceil(Math.log10(first)); power <= Math.log10(last); power++) powers.push(10 ** power);
  const level = (y, color) => ({
    type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color, width: 1.6, dash: THRESHOLD },
  });
  const axis = { gridcolor: grid, linecolor: grid, zeroline: false, fixedrange: true };
  return {
    margin: { l: 48, r: 8, t: 8, b: 42 }, height: 300, hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { align: "left" },
    showlegend: false,
    xaxis: {
      ...axis, type: "log", title: { text: "step" }, range: [Math.log10(zero), Math.log10(last * 1.08)],
      tickvals: [zero, ...powers], ticktext: ["0", ...powers.map((value) => value.toLocaleString("en-US"))],
    },
    yaxis: { ...axis, title: { text: "accuracy" }, range: [-0.02, 1.03] },
    shapes: [
      level(rule.train, colors.train),
      level(rule.val, colors.val),
      { type: "line", yref: "paper", y0: 0, y1: 1, x0: rule.budget, x1: rule.budget,
        line: { color: ink, width: 1.6, dash: THRESHOLD }, visible: Boolean(rule.budget) && rule.budget <= last },
    ],
  };
}
