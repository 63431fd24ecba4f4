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
  if ("x" in changes) {
    hideCursor(); // what it is at is another cell now
    views();
  }
  if (unit || anew) rules();
  render();
  if (closes || (changes.rule && page.state.picked !== null)) showPicked();
}

/** Put other content into an element; what had the focus has it again. */
function replaced(id, ...content) {
  const focused = document.activeElement?.id;
  byId(id).replaceChildren(...content);
  if (focused) byId(focused)?.focus();
}

function views() {
  const link = make("button", { type: "button", id: "copy", text: "Copy link to this view" });
  link.addEventListener("click", async () => {
    saveLink();
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    link.textContent = await copied.then(() => "Copied", () => "Copy it from the address bar");
  });
  replaced("views", make("legend", { text: "Map" }),
    ...viewControls(page.data, page.state, page.maps, set), link);
}

function rules() {
  replaced("rules", make("legend", { text: "Rule" }), ...ruleControls(page.data, page.state, set));
}

/** What does not depend on any choice. */
function facts() {
  const { data } = page;
  const waiting = data.planned - data.runs;
  byId("name").textContent = data.name;
  byId("standing").textContent = waiting > 0
    ? `${numberText(data.runs)} of ${numberText(data.planned)} planned runs have ended; the others are missing.`
    : `Every planned run has ended (${numberText(data.planned)}).`;
  if (page.lost) byId("standing").append(` phasegrok watch ${page.lost}; this is the last it told.`);
  byId("failures").replaceChildren(failureTable(data));
  byId("failed").querySelector("summary").textContent = `Failed runs (${data.failed})`;
  byId("settings").replaceChildren(table(["setting", "value"], data.settings));
  byId("provenance").replaceChildren(table([], data.provenance));
  replaced("downloads", downloadLinks(data));
}

/** Take data that are ready. */
function take(data) {
  page.data = data;
  page.maps = mapsOf(data, () => page);
  page.judged = "";
  facts();
}

/** Show the view that a link says. */
function see(hash) {
  page.state = stateOf(page.data, hash, page.maps);
  hideCursor();
  views();
  rules();
  render();
  showPicked();
}

/** Show a later state of the sweep in the view there is: nothing moves under the reader. */
function update(data) {
  const { data: before, state } = page;
  const same = (name) => JSON.stringify(data[name]) === JSON.stringify(before[name]);
  const [hash, runs] = [hashOf(before, state), pickedText(before, state)];
  take(data);
  Object.assign(state, stateOf(data, hash, page.maps));
  if (!same("axes")) hideCursor();
  if (!same("axes") || !same("observables")) views();
  if (!same("rule")) rules();
  render();
  if (!same("axes") || runs !== pickedText(data, state)) showPicked();
}

/** All that tells whether the panel of the chosen cell is of these data. */
function pickedText(data, { picked }) {
  const { status, steps } = data.columns;
  const runs = picked === null ? [] : Array.from(runsOf(data, picked));
  return runs.map((run) => `${idOf(data, run)} ${status[run]} ${steps[run]}`).sort().join();
}

/** What the server says at a path; null if it does not answer, which the page then says. */
async function asked(path) {
  try {
    const answer = await fetch(path, { cache: "no-store" });
    const said = answer.ok ? await answer.json() : `cannot read the sweep: ${await answer.text()}`;
    page.lost = answer.ok ? "" : said;
    return answer.ok ? said : null;
  } catch {
    page.lost = "does not answer";
    return null;
  }
}

/** Ask the server for a later state every few seconds, and show it. */
async function follow() {
  const before = page.lost;
  try {
    const state = await asked("version");
    const payload = state && state.version !== page.data.version ? await asked("data") : null;
    if (payload) update(await unpacked(payload));
    else if (page.lost !== before) facts();
  } catch (error) {
    console.error(error); // ours: the next state may be shown all the same
  }
  setTimeout(follow, page.lost ? 10_000 : 2000);
}

async function start() {
  const payload = JSON.parse(byId("payload").textContent);
  take(await unpacked(payload));
  see(location.hash.slice(1));
  listen();
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
