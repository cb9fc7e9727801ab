// The list of boxes, what can be added, and the layers.

import { countChanges, typicalBox } from "./boxes.js";
import { byId, el, fill, legible } from "./dom.js";
import { choosePlane, correct, declare, resetEdit } from "./images.js";
import { detect } from "./jobs.js";
import { commit, plane, state, structureOf, update, watch } from "./store.js";
import { addStructure } from "./tools.js";

export function makeStructures() {
  watch(() => fill(byId("structures"), ...content()), ({ image, before, structures, selection, adding, job }) =>
    [image, before, structures, selection, adding, job === null]);
  watch(() => fill(byId("layers"), ...layers()), ({ layers: values }) => [values]);
}

function content() {
  if (!state.image) return [el("h2", {}, "Anatomy"), el("p", { class: "quiet" }, "Open an image to begin.")];
  return [
    el("h2", {}, "Anatomy"),
    planeRow(),
    el("ul", { class: "boxes", "aria-label": "Boxes" }, state.structures.map(item)),
    ...(plane() ? adding() : []),
    el("div", { class: "row wrap" },
      el("button", { onclick: detect, disabled: Boolean(state.job), "data-key": "detect", title: "Let the detector propose plane and boxes" }, "Detect boxes"),
      ...edited(),
    ),
  ];
}

function planeRow() {
  const options = [el("option", { value: "" }, "choose the plane"), ...state.catalogue.planes.map((one) =>
    el("option", { value: one.name, selected: one.name === state.before?.plane }, one.title))];
  const isFixed = state.structures.length > 0;
  return el("div", { class: "row" }, el("label", {}, "Plane ",
    el("select", {
      "data-key": "plane", disabled: isFixed, "aria-label": "Plane",
      title: isFixed ? "delete all boxes to choose another plane" : "The standard plane that the image shows",
      onchange: (event) => event.target.value && choosePlane(event.target.value),
    }, options)));
}

function item(one) {
  const isSelected = state.selection.includes(one.uid);
  const title = structureOf(one.name)?.title ?? one.name;
  return el("li", {},
    el("button", {
      class: "name", "aria-pressed": String(isSelected), "data-key": `box-${one.uid}`, "data-structure": one.name,
      onclick: (event) => select(one.uid, event.shiftKey || event.ctrlKey),
    }, el("span", { class: "swatch", colour: legible(structureOf(one.name)?.colour ?? "#ffffff") }), title,
    one.score === null ? null : el("span", { class: "score", title: "score of the detector" }, one.score.toFixed(2))),
    el("button", {
      class: "small", "aria-pressed": String(one.locked), "data-key": `lock-${one.uid}`, "aria-label": `Lock ${title}`,
      title: "Lock: no pointer or key moves it", onclick: () => lock([one.uid]),
    }, one.locked ? "locked" : "lock"),
    el("button", {
      class: "small", "data-key": `delete-${one.uid}`, "aria-label": `Delete ${title}`, title: "Delete",
      onclick: () => remove([one.uid]),
    }, "✕"));
}

function select(uid, adds) {
  const others = state.selection.filter((one) => one !== uid);
  update({ selection: adds ? (others.length < state.selection.length ? others : [...others, uid]) : [uid] });
}

export function lock(uids) {
  const locks = state.structures.filter((one) => uids.includes(one.uid)).some((one) => !one.locked);
  commit({ structures: state.structures.map((one) => (uids.includes(one.uid) ? { ...one, locked: locks } : one)) });
}

export function remove(uids) {
  const structures = state.structures.filter((one) => !uids.includes(one.uid) || one.locked);
  if (structures.length < state.structures.length) commit({ structures }, { selection: [] });
}

function adding() {
  const structures = plane().structures;
  if (!structures.some((one) => one.name === state.adding)) state.adding = structures[0].name;
  return [el("div", { class: "row" },
    el("select", { "data-key": "adding", "aria-label": "Structure to add", onchange: (event) => update({ adding: event.target.value }) },
      structures.map((one) => el("option", { value: one.name, selected: one.name === state.adding }, one.title))),
    el("button", { "data-key": "add", title: "Add a box of the usual size (or drag one with the tool Add)", onclick: addTypical }, "Add"))];
}

function addTypical() {
  const structure = structureOf(state.adding);
  addStructure(structure.name, typicalBox(structure, plane(), state.structures, state.image));
}

function edited() {
  if (!state.before) return [];
  return [...editActions(), ...(canCorrect() ? [el("button", {
    "data-key": "correct", onclick: correct, title: `Write what the image shows into ${state.image.origin.split("/")[0]}/annotations.json`,
  }, "Save to data set")] : [])];
}

// Boxes that were declared, and differ from what the data set says or were the detector's proposals there.
const canCorrect = () => state.catalogue.may_correct && state.image.record && countChanges(state.before, state.structures) === 0 &&
  (state.image.scores.length > 0 || state.before.plane !== state.image.layout?.plane ||
    countChanges(state.image.layout, state.before.structures) > 0);

function editActions() {
  const changes = countChanges(state.before, state.structures);
  if (!changes && !state.structures.some((one) => one.score !== null)) return [];
  return [
    el("button", { "data-key": "declare", onclick: declare, title: "What the boxes show now is what the image shows: a correction, not an edit" }, "Boxes fit the image"),
    changes ? el("button", { "data-key": "reset", onclick: resetEdit, title: "Back to what the image shows" }, "Reset edit") : null,
    changes ? el("span", { class: "quiet", id: "changes" }, `${changes} ${changes === 1 ? "box differs" : "boxes differ"} from the image`) : null,
  ];
}

const LAYERS = [
  ["result", "Result", "the synthetic image that is shown"],
  ["boxes", "Boxes", "the layout (h hides it)"],
  ["region", "Region", "what an edit will draw anew"],
  ["mask", "Brush mask", "what the brush has marked"],
  ["difference", "Difference", "of a pair: orange is brighter than without the edit, blue darker"],
];

function layers() {
  return [el("h2", {}, "Layers"), ...LAYERS.map(([name, title, about]) => el("div", { class: "field", title: about },
    el("label", { htmlFor: `layer-${name}` }, title),
    el("input", {
      id: `layer-${name}`, "data-key": `layer-${name}`, type: "range", min: 0, max: 1, step: 0.05, value: state.layers[name],
      oninput: (event) => update({ layers: { ...state.layers, [name]: Number(event.target.value) } }),
    })))];
}
