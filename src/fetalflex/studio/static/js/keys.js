// Keys: one table, from which both the handler and the map on `?` are made.

import { resizedBy, turnedBy } from "./boxes.js";
import { changeSelected, mirrorSelected, nudge } from "./boxlayer.js";
import { exportDialog } from "./dialog-export.js";
import { openDialog } from "./dialog-open.js";
import { byId, el } from "./dom.js";
import { cancel, generate, refine, rollDie } from "./jobs.js";
import { duplicate, markSelected } from "./panel-numbers.js";
import { lock, remove } from "./panel-structures.js";
import { redo, state, undo, update } from "./store.js";
import { abandonPolygon, closePolygon, setSpace, TOOLS } from "./tools.js";
import { fit, pan, stage, zoomBy, zoomTo } from "./view.js";

const STEP = { true: 10, false: 1 };

function arrow(dx, dy) {
  return (event) => {
    const step = STEP[event.shiftKey];
    if (!state.selection.length) pan(-40 * dx, -40 * dy);
    else if (event.ctrlKey || event.metaKey) changeSelected((box) => resizedBy(box, step * dx, step * dy));
    else nudge(step * dx, step * dy);
  };
}

function next(by) {
  const { structures, selection } = state;
  if (!structures.length) return;
  const at = structures.findIndex((one) => one.uid === selection[0]);
  const index = at < 0 ? (by > 0 ? 0 : structures.length - 1) : (at + by + structures.length) % structures.length;
  update({ selection: [structures[index].uid] });
}

const brush = (factor) => () => update({ brush: Math.min(Math.max(Math.round(state.brush * factor), 2), 400) });

let hiddenBoxes = null;
function toggleBoxes() {
  const boxes = state.layers.boxes > 0 ? 0 : hiddenBoxes ?? 1;
  if (state.layers.boxes > 0) hiddenBoxes = state.layers.boxes;
  update({ layers: { ...state.layers, boxes } });
}

function escape() {
  if (state.job) cancel();
  else if (state.tool !== "select") {
    abandonPolygon();
    update({ tool: "select" });
  } else update({ selection: [] });
}

// [key, with Ctrl, what the map says, what it does]; keys are those of `event.key`, letters in lower case.
export const KEYS = [
  ["Enter", true, "Generate (with Shift: refine the mask)", (event) => (event.shiftKey ? refine() : generate())],
  ["Escape", false, "Cancel what runs, else end the tool, else select nothing", escape],
  ["z", true, "Undo (with Shift: redo)", (event) => (event.shiftKey ? redo() : undo())],
  ["y", true, "Redo", redo],
  ["o", true, "Open an image", openDialog],
  ["s", true, "Export", exportDialog],
  ...TOOLS.map(([tool, title, key]) => [key, false, `Tool: ${title}`, () => update({ tool })]),
  ["[", false, "Smaller brush", brush(1 / 1.25)],
  ["]", false, "Larger brush", brush(1.25)],
  [",", false, "Select the box before", () => next(-1)],
  [".", false, "Select the next box", () => next(1)],
  ["ArrowLeft", null, "Move the selected boxes by 1 px (Shift 10); with Ctrl: resize; without a selection: pan", arrow(-1, 0)],
  ["ArrowRight", null, "", arrow(1, 0)],
  ["ArrowUp", null, "", arrow(0, -1)],
  ["ArrowDown", null, "", arrow(0, 1)],
  ["r", false, "Turn by 5° clockwise (Shift: back)", (event) => changeSelected((box) => turnedBy(box, event.shiftKey ? -5 : 5))],
  ["m", false, "Mirror the selected boxes", mirrorSelected],
  ["d", true, "Duplicate", duplicate],
  ["Delete", false, "Delete", () => remove(state.selection)],
  ["Backspace", false, "", () => remove(state.selection)],
  ["l", false, "Lock or unlock", () => state.selection.length && lock(state.selection)],
  ["k", false, "Add the selected boxes to the brush mask", markSelected],
  ["a", true, "Select all boxes", () => update({ selection: state.structures.map((one) => one.uid) })],
  ["h", false, "Hide or show the boxes", toggleBoxes],
  ["w", false, "Wipe: before, half, after", () => update({ wipe: { 0: 50, 50: 100 }[state.wipe] ?? 0 })],
  ["d", false, "Another seed", rollDie],
  ["+", false, "Zoom in (the wheel does, too)", () => zoomBy(1.25)],
  ["=", false, "", () => zoomBy(1.25)],
  ["-", false, "Zoom out", () => zoomBy(0.8)],
  ["0", false, "Fit the image into the window", fit],
  ["1", false, "100 %", () => zoomTo(1)],
  ["?", false, "This map", keysDialog],
];

const NAMES = { ArrowLeft: "arrows", Enter: "Enter", Escape: "Esc", Delete: "Del" };

function keysDialog() {
  const dialog = byId("keys-dialog");
  const rows = KEYS.filter(([, , about]) => about).map(([key, ctrl, about]) =>
    el("tr", {}, el("td", {}, el("kbd", {}, `${ctrl ? "Ctrl+" : ""}${NAMES[key] ?? key}`)), el("td", {}, about)));
  rows.push(el("tr", {}, el("td", {}, el("kbd", {}, "Space")), el("td", {}, "Hold it and drag to pan; or drag with the middle button")));
  rows.push(el("tr", {}, el("td", {}, el("kbd", {}, "Shift"), "+click"), el("td", {}, "Select several boxes; or drag a frame round them")));
  const half = Math.ceil(rows.length / 2);
  dialog.replaceChildren(el("h1", {}, "Keys"),
    el("div", { class: "row", "data-top": "true" }, el("table", {}, rows.slice(0, half)), el("table", {}, rows.slice(half))),
    el("div", { class: "row" }, el("span", { class: "space" }), el("button", { onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}

export const showKeys = keysDialog;

const isTyping = (target) => target.matches("textarea, select, input:not([type=range]):not([type=checkbox])");

export function listenToKeys() {
  window.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const { target } = event;
    const ctrl = event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && target.matches("button") && !ctrl) return;
    const typing = isTyping(target);
    if (typing && !(ctrl && event.key === "Enter") && event.key !== "Escape") return;
    if (typing) target.blur(); // so that what was typed counts
    if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    if (event.key === " ") {
      if (target === stage.container() || target === document.body) {
        setSpace(true);
        event.preventDefault();
      }
      return;
    }
    if (event.key === "Enter" && !ctrl) return closePolygon();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = KEYS.find(([name, wantsCtrl]) => name === key && (wantsCtrl === null || wantsCtrl === ctrl));
    if (!found) return;
    event.preventDefault();
    found[3](event);
  });
  window.addEventListener("keyup", (event) => { if (event.key === " ") setSpace(false); });
  window.addEventListener("blur", () => setSpace(false));
}
