// The state of the page, and one stack of everything that can be undone.

const MOST_STEPS = 200;

// What undo brings back. Values are never changed in place, so a step costs only what differs.
const UNDOABLE = ["image", "before", "structures", "mask", "shown"];

export const state = {
  catalogue: null,
  image: null,          // what the server knows of the open image
  before: null,         // layout that the image shows, as it was opened or declared
  structures: [],       // boxes as edited: {uid, name, box: {cx, cy, width, height, angle}, locked, score}
  mask: null,           // brush mask: Uint8ClampedArray, one value a pixel, or null
  shown: null,          // id of the result that is shown, or null
  selection: [],        // uids
  tool: "select",
  adding: null,         // structure that the add tool adds
  brush: 24,            // diameter in image pixels
  unit: "px",
  settings: null,
  seed: 0,
  variants: 1,
  region: "changed",
  useMask: false,       // the brush mask is the region to draw
  results: [],          // oldest first
  hidden: [],           // ids of discarded results
  layers: { result: 1, boxes: 1, region: 0.8, mask: 0.5, difference: 0 },
  wipe: 0,
  job: null,            // what runs
  look: null,           // what the server says of the edit
  messages: [],         // what went wrong, or was done
  tab: "generate",
};

const watchers = [];
const undoing = [];
const redoing = [];
let scheduled = false;

// Call `render` after changes: after those of some parts of the state alone, where `parts` lists them.
export function watch(render, parts = null) {
  let before = null;
  watchers.push((now) => {
    const values = parts?.(now);
    if (values && before?.every((value, index) => value === values[index])) return;
    before = values;
    render(now);
  });
}

export function update(changes) {
  Object.assign(state, changes);
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const render of watchers) render(state);
  });
}

const snapshot = () => Object.fromEntries(UNDOABLE.map((name) => [name, state[name]]));

// Change what can be undone, as one step.
export function commit(changes, others = {}) {
  undoing.push(snapshot());
  if (undoing.length > MOST_STEPS) undoing.shift();
  redoing.length = 0;
  update({ ...changes, ...others });
}

function step(from, to) {
  if (!from.length) return;
  to.push(snapshot());
  const earlier = from.pop();
  const kept = state.selection.filter((uid) => earlier.structures.some((one) => one.uid === uid));
  update({ ...earlier, selection: kept, wipe: 0 });
}

export const undo = () => step(undoing, redoing);
export const redo = () => step(redoing, undoing);
export const canUndo = () => undoing.length > 0;
export const canRedo = () => redoing.length > 0;

export function forgetSteps() {
  undoing.length = redoing.length = 0;
}

let told = 0;

// Tell the user something, for a while: kind is "info", "warning" or "bad".
export function tell(text, kind = "info") {
  const message = { id: ++told, text, kind };
  update({ messages: [...state.messages.slice(-2), message] });
  if (kind === "info") setTimeout(() => dismiss(message.id), 6000);
}

export function dismiss(id) {
  update({ messages: state.messages.filter((one) => one.id !== id) });
}

export const plane = () => state.catalogue?.planes.find((one) => one.name === state.before?.plane) ?? null;
export const structureOf = (name) => plane()?.structures.find((one) => one.name === name) ??
  state.catalogue.planes.flatMap((one) => one.structures).find((one) => one.name === name);
export const selected = () => state.structures.filter((one) => state.selection.includes(one.uid));
export const result = (id) => state.results.find((one) => one.id === id) ?? null;
