// From the start on: everything is drawn again whenever the state changes.

/**
 * Take what is new of the state. Menus and sliders are made again where others belong there, or
 * `anew`: never under the pointer that drags one.
 */
function set(changes, anew = false) {
  const { rule } = page.state;
  const closes = changes.picked === null && page.state.picked !== null;
  Object.assign(page.state, changes);
  const unit = changes.rule && changes.rule.share !== rule.share;
  if ("x" in changes || unit || anew) controls();
  render();
  if (closes || (changes.rule && page.state.picked !== null)) showPicked();
}

function controls() {
  const focused = document.activeElement?.id;
  const legendOf = (words) => make("legend", { text: words });
  byId("views").replaceChildren(legendOf("Map"), ...viewControls(page.data, page.state, page.maps, set));
  const link = make("button", { type: "button", id: "copy", text: "Copy link to this view" });
  link.addEventListener("click", async () => {
    saveLink();
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    link.textContent = await copied.then(() => "Copied", () => "Copy it from the address bar");
  });
  byId("views").append(link);
  byId("rules").replaceChildren(legendOf("Rule"), ...ruleControls(page.data, page.state, set));
  if (focused) byId(focused)?.focus();
}

/** What does not depend on any choice. */
function facts() {
  const { data } = page;
  const waiting = data.planned - data.runs;
  byId("name").textContent = data.name;
  byId("standing").textContent = waiting > 0
    ? `${numberText(data.runs)} of ${numberText(data.planned)} planned runs have ended; the others are missing.`
    : `All ${numberText(data.planned)} planned runs have ended.`;
  byId("failures").replaceChildren(failureTable(data));
  byId("failed").querySelector("summary").textContent = `Failed runs (${data.failed})`;
  byId("settings").replaceChildren(table(["setting", "value"], data.settings));
  byId("provenance").replaceChildren(table([], data.provenance));
  byId("downloads").replaceChildren(downloadLinks(data));
}

/** Show a payload, with the view that a link says. */
async function show(payload, hash) {
  page.data = await unpacked(payload);
  page.maps = mapsOf(page.data, () => page);
  page.state = stateOf(page.data, hash, page.maps);
  page.judged = "";
  facts();
  controls();
  render();
}

/** Ask the server for a later state every few seconds, and show it in the view there is. */
async function follow() {
  const asked = async (path) => (await fetch(path, { cache: "no-store" })).json();
  let seconds = 2;
  try {
    const { version } = await asked("version");
    if (version !== page.data.version) {
      const before = page.state.picked === null ? 0 : runsOf(page.data, page.state.picked).length;
      await show(await asked("data"), hashOf(page.data, page.state));
      const after = page.state.picked === null ? 0 : runsOf(page.data, page.state.picked).length;
      if (before !== after) showPicked();
    }
    if (page.lost) facts();
    page.lost = false;
  } catch {
    seconds = 10;
    if (!page.lost) byId("standing").append(" phasegrok watch does not answer: this is the last it told.");
    page.lost = true;
  }
  setTimeout(follow, 1000 * seconds);
}

async function start() {
  const payload = JSON.parse(byId("payload").textContent);
  await show(payload, location.hash.slice(1));
  listen();
  showPicked();
  if (payload.live) setTimeout(follow, 2000);
  // What a script may ask of the page: the phase of every run under any rule, and what cells show.
  window.phasegrok = {
    page,
    labels: (rule) => Array.from(classified(page.data, rule), (code) => page.data.labels[code]),
    look: (map) => Array.from({ length: page.data.cells }, (_, cell) => page.maps.get(map).look(cell)),
  };
  document.body.dataset.ready = "yes";
  setTimeout(plotlyReady, 300); // before the first click needs it
}

start();
