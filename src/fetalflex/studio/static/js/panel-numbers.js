// The selected box in numbers: pixels, per cent of the image, or millimetres.

import { el, byId, fill } from "./dom.js";
import { newUid, turnedBy, movedBy } from "./boxes.js";
import { changeSelected, mirrorSelected } from "./boxlayer.js";
import { addToMask } from "./mask.js";
import { post } from "./api.js";
import { layoutOf } from "./boxes.js";
import { lock, remove } from "./panel-structures.js";
import { commit, selected, state, tell, update, watch } from "./store.js";

const FIELDS = [["cx", "x", "width"], ["cy", "y", "height"], ["width", "w", "width"], ["height", "h", "height"]];

export function makeNumbers() {
  watch(() => {
    const panel = byId("numbers");
    // While a number is typed, it is not exchanged under the fingers.
    if (panel.contains(document.activeElement) && document.activeElement.type === "number" &&
        panel.dataset.of === state.selection.join()) {
      refresh();
      return;
    }
    panel.dataset.of = state.selection.join();
    fill(panel, ...content());
  }, ({ image, before, structures, selection, unit }) => [image, before, structures, selection, unit]);
}

const spacing = () => state.before?.pixel_spacing_mm ?? null;

function factor(side) {
  if (state.unit === "%") return 100 / state.image[side];
  return state.unit === "mm" && spacing() ? spacing() : 1;
}

const shown = (value) => String(Math.round(value * 100) / 100);

function content() {
  const boxes = selected();
  if (!boxes.length) return [];
  const isSingle = boxes.length === 1;
  const units = ["px", "%", ...(spacing() ? ["mm"] : [])];
  return [
    el("h2", {}, isSingle ? "Selected box" : `${boxes.length} boxes selected`),
    ...(isSingle ? [el("div", { class: "grid" }, FIELDS.map(([key, title, side]) => number(key, title, side)),
      ...number("angle", "°", null),
      el("span", {}, "unit"),
      el("select", { "data-key": "unit", "aria-label": "Unit", onchange: (event) => update({ unit: event.target.value }) },
        units.map((unit) => el("option", { value: unit, selected: unit === state.unit }, unit))))] : []),
    el("div", { class: "row wrap" },
      action("duplicate", "Duplicate", "Duplicate (Ctrl+D)", duplicate),
      action("mirror", "Mirror", "Mirror left to right (m)", mirrorSelected),
      action("turn", "Turn 5°", "Turn clockwise (r)", () => changeSelected((box) => turnedBy(box, 5))),
      action("lock", "Lock", "Lock (l)", () => lock(state.selection)),
      action("remove", "Delete", "Delete (Del)", () => remove(state.selection)),
      action("mark", "Mark", "Add the region of the selected boxes to the brush mask (k)", markSelected)),
  ];
}

const action = (key, text, title, onclick) => el("button", { "data-key": `do-${key}`, title, onclick }, text);

function number(key, title, side) {
  const box = selected()[0].box;
  const scale = side ? factor(side) : 1;
  return [
    el("label", { htmlFor: `box-${key}` }, title),
    el("input", {
      type: "number", id: `box-${key}`, "data-key": `box-${key}`, step: "any", value: shown(box[key] * scale),
      onchange: (event) => {
        const value = Number(event.target.value);
        if (!Number.isFinite(value) || event.target.value === "") refresh();
        else changeSelected((old) => ({ ...old, [key]: value / scale }));
      },
    }),
  ];
}

function refresh() {
  const box = selected()[0]?.box;
  if (!box) return;
  for (const [key, side] of [...FIELDS.map(([name, , of]) => [name, of]), ["angle", null]]) {
    const field = byId(`box-${key}`);
    if (field && field !== document.activeElement) field.value = shown(box[key] * (side ? factor(side) : 1));
  }
}

export function duplicate() {
  const copies = selected().map((one) => ({ ...one, uid: newUid(), locked: false, box: movedBy(one.box, 8, 8), score: null }));
  if (copies.length) commit({ structures: [...state.structures, ...copies] }, { selection: copies.map((one) => one.uid) });
}

export async function markSelected() {
  const names = [...new Set(selected().map((one) => one.name))];
  if (!names.length) return;
  const only = { ...state.before, ...layoutOf(state.before, selected()) };
  try {
    const { mask } = await post("/api/masks", { image: state.image.id, layout: only, structures: names });
    await addToMask(mask);
  } catch (error) {
    tell(error.message, "bad");
  }
}
