// Pointing at cells and choosing one, by mouse, finger or keyboard.

function outline(id, places) {
  const box = places && boxOf(page.plan, ...places);
  const element = byId(id);
  element.hidden = !box;
  if (!box) return;
  Object.assign(element.style, {
    left: `${box.x - 1}px`, top: `${box.y - 1}px`,
    width: `${box.width + 2}px`, height: `${box.height + 2}px`,
  });
}

function hideCursor() {
  outline("cursor", null);
  byId("tip").hidden = true;
}

/** Point at a cell: its outline and its lines; spoken where the keyboard did it. */
function point(places, spoken) {
  outline("cursor", places);
  if (!places) return hideCursor();
  page.focus = places;
  const lines = cellLines(page, cellOn(...places));
  const tip = byId("tip");
  tip.replaceChildren(...lines.map((text) => make("div", { text })));
  tip.hidden = false;
  const box = boxOf(page.plan, ...places);
  const room = byId("map").clientWidth;
  const right = box.x + box.width + 10;
  const left = right + tip.offsetWidth <= room ? right : box.x - tip.offsetWidth - 10;
  tip.style.left = `${Math.max(0, Math.min(left, room - tip.offsetWidth))}px`;
  const below = left < 0; // too narrow to stand beside the cell
  const lowest = byId("map").clientHeight - tip.offsetHeight - 4;
  const top = below ? box.y + box.height + 10 : Math.max(0, Math.min(box.y - 10, lowest));
  tip.style.top = `${top}px`;
  if (spoken) byId("told").textContent = lines.join(". ");
  return undefined;
}

function placesUnder(event) {
  const { left, top } = byId("map").getBoundingClientRect();
  return placeAt(page.plan, event.clientX - left, event.clientY - top);
}

/** Choose a cell, or none, and show how its seeds trained. */
function pick(cell, focus) {
  page.state.picked = cell;
  render();
  showPicked(focus);
}

function showPicked(focus) {
  const element = byId("cell");
  if (page.state.picked === null) {
    element.replaceChildren(make("h2", { text: "No cell chosen" }), make("p", { class: "small",
      text: "Click a cell, or press Enter on it, to see how each of its seeds trained." }));
    return;
  }
  const close = cellPanel(element, page, page.state.picked);
  close.addEventListener("click", () => { pick(null); byId("map").focus(); });
  if (focus) byId("told").textContent = `Curves of ${cellText(page.data, page.state.picked)}`;
}

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { x, y } = page.plan;
  const last = [x.values.length - 1, y ? y.values.length - 1 : 0];
  const [i, j] = page.focus;
  if (MOVES[event.key]) {
    const [right, up] = MOVES[event.key];
    const within = (value, most) => Math.min(Math.max(value, 0), most);
    const first = byId("cursor").hidden; // the first arrow shows where the keyboard is
    point([within(first ? i : i + right, last[0]), within(first ? j : j + up, last[1])], true);
  } else if (event.key === "Home" || event.key === "End") {
    point([event.key === "Home" ? 0 : last[0], Math.min(j, last[1])], true);
  } else if (event.key === "Enter" || event.key === " ") {
    const at = [Math.min(i, last[0]), Math.min(j, last[1])];
    pick(cellOn(...at), true);
    point(at);
  } else if (event.key === "Escape") {
    pick(null);
    hideCursor();
  } else {
    return;
  }
  event.preventDefault();
}

function listen() {
  const map = byId("map");
  map.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") point(placesUnder(event));
  });
  map.addEventListener("pointerleave", hideCursor);
  map.addEventListener("click", (event) => {
    const places = placesUnder(event);
    if (!places) return;
    pick(cellOn(...places));
    // A finger hides the tip; the panel below says the same.
    if (event.pointerType === "touch") page.focus = places;
    else point(places);
  });
  map.addEventListener("keydown", pressed);
  map.addEventListener("blur", hideCursor);
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  new ResizeObserver(() => {
    if (byId("map").clientWidth !== page.width) {
      page.width = byId("map").clientWidth;
      drawDiagram();
    }
  }).observe(map);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawDiagram();
    showPicked();
  });
  window.addEventListener("hashchange", () => {
    const hash = location.hash.slice(1);
    if (hash === hashOf(page.data, page.state)) return;
    clearTimeout(page.saving);
    see(hash);
  });
}
