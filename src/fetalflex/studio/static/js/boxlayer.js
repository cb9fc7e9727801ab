// The boxes on the stage: drawn, dragged, resized and turned by handles. A drag is one step.

import { mirrored, movedBy, tidy } from "./boxes.js";
import { legible } from "./dom.js";
import { commit, selected, state, structureOf, update, watch } from "./store.js";
import { stage } from "./view.js";

/* global Konva */
let layer, transformer;
const shapes = new Map();  // uid to {group, rect, label}

export function makeBoxLayer() {
  layer = new Konva.Layer();
  transformer = new Konva.Transformer({
    rotateEnabled: true, ignoreStroke: true, flipEnabled: false, rotationSnaps: [], anchorSize: 10, anchorCornerRadius: 2,
    anchorFill: "#0b0d10", anchorStroke: "#ffffff", borderStroke: "#ffffff", borderDash: [4, 3], keepRatio: false,
    rotateAnchorOffset: 26,
  });
  stage.add(layer);
  layer.add(transformer);
  transformer.on("transformend", keepTransform);
  stage.on("placed", () => { for (const { label } of shapes.values()) scaleLabel(label); });
  watch(render, ({ structures, selection, tool, layers }) => [structures, selection, tool, layers]);
}

const isGrasping = () => state.tool === "select";

export function render() {
  layer.visible(state.layers.boxes > 0);
  layer.opacity(Math.max(state.layers.boxes, 0.01));
  layer.listening(isGrasping());
  const seen = new Set(state.structures.map((one) => one.uid));
  for (const [uid, { group }] of shapes) {
    if (!seen.has(uid)) {
      group.destroy();
      shapes.delete(uid);
    }
  }
  // Larger boxes below, so that what lies in the skull can be grasped.
  const ordered = [...state.structures].sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
  for (const one of ordered) draw(one);
  transformer.moveToTop();
  const grasped = isGrasping() ? selected().filter((one) => !one.locked) : [];
  transformer.nodes(grasped.map((one) => shapes.get(one.uid).rect));
  transformer.rotateEnabled(grasped.length === 1);
  layer.batchDraw();
}

function draw(one) {
  if (!shapes.has(one.uid)) make(one.uid);
  const { group, rect, label } = shapes.get(one.uid);
  const { cx, cy, width, height, angle } = one.box;
  const isSelected = state.selection.includes(one.uid);
  const colour = legible(structureOf(one.name)?.colour ?? "#ffffff");
  group.moveToTop();
  rect.setAttrs({
    x: cx, y: cy, width, height, offsetX: width / 2, offsetY: height / 2, rotation: angle, scaleX: 1, scaleY: 1,
    stroke: colour, strokeWidth: isSelected ? 2.5 : 1.5, draggable: !one.locked,
    dash: one.score === null ? [] : [7, 4], fill: "#00000001",
  });
  label.setAttrs({ text: labelOf(one), fill: colour, ...labelPlace({ cx, cy, width, height, angle }) });
  scaleLabel(label);
}

const labelOf = (one) =>
  `${structureOf(one.name)?.title ?? one.name}${one.score === null ? "" : ` ${one.score.toFixed(2)}`}${one.locked ? " ⚿" : ""}`;

function scaleLabel(label) {
  const scale = 1 / stage.scaleX();
  label.scale({ x: scale, y: scale });
  label.offset({ x: 0, y: label.height() + 3 });
}

// Above the box, so that it covers nothing of what the box holds.
function labelPlace({ cx, cy, width, height, angle }) {
  const turn = (angle * Math.PI) / 180;
  const halfX = (Math.abs(Math.cos(turn)) * width + Math.abs(Math.sin(turn)) * height) / 2;
  const halfY = (Math.abs(Math.sin(turn)) * width + Math.abs(Math.cos(turn)) * height) / 2;
  return { x: cx - halfX, y: cy - halfY };
}

function make(uid) {
  const group = new Konva.Group();
  const rect = new Konva.Rect({ strokeScaleEnabled: false, name: "box", id: uid });
  const label = new Konva.Text({ fontSize: 12, fontFamily: "system-ui, sans-serif", listening: false, shadowColor: "#000", shadowBlur: 3, shadowOpacity: 1 });
  group.add(rect, label);
  layer.add(group);
  shapes.set(uid, { group, rect, label });
  rect.on("pointerdown", (event) => grasp(uid, event.evt.shiftKey || event.evt.ctrlKey || event.evt.metaKey));
  rect.on("dragmove", () => follow(uid, rect));
  rect.on("dragend", () => keepDrag());
  rect.on("mouseenter", () => { stage.container().style.cursor = isGrasping() ? "move" : ""; });
  rect.on("mouseleave", () => { stage.container().style.cursor = ""; });
}

function grasp(uid, adds) {
  if (adds) {
    const selection = state.selection.includes(uid) ? state.selection.filter((one) => one !== uid) : [...state.selection, uid];
    update({ selection });
  } else if (!state.selection.includes(uid)) {
    update({ selection: [uid] });
    render();  // at once, so that the drag that may follow moves this box alone
  }
}

// The others that are selected go along with the one that is dragged.
function follow(uid, rect) {
  const dragged = state.structures.find((one) => one.uid === uid);
  const dx = rect.x() - dragged.box.cx, dy = rect.y() - dragged.box.cy;
  for (const one of state.structures) {
    const isMoved = one.uid === uid || (state.selection.includes(one.uid) && !one.locked);
    if (!isMoved) continue;
    const shape = shapes.get(one.uid);
    if (one.uid !== uid) shape.rect.position({ x: one.box.cx + dx, y: one.box.cy + dy });
    shape.label.position(labelPlace(movedBy(one.box, dx, dy)));
  }
}

function keepDrag() {
  changeBoxes((one, shape) => ({ ...one.box, cx: shape.rect.x(), cy: shape.rect.y() }));
}

function keepTransform() {
  changeBoxes((one, shape) => ({
    cx: shape.rect.x(), cy: shape.rect.y(), width: one.box.width * shape.rect.scaleX(),
    height: one.box.height * shape.rect.scaleY(), angle: shape.rect.rotation(),
  }));
}

function changeBoxes(boxOf) {
  const structures = state.structures.map((one) =>
    state.selection.includes(one.uid) && !one.locked ? { ...one, box: tidy(boxOf(one, shapes.get(one.uid)), state.image), score: null } : one);
  commit({ structures });
}

// What keys and buttons do to the boxes that are selected.
export function changeSelected(change) {
  if (!selected().some((one) => !one.locked)) return;
  const structures = state.structures.map((one) =>
    state.selection.includes(one.uid) && !one.locked ? { ...one, box: tidy(change(one.box), state.image), score: null } : one);
  commit({ structures });
}

export const nudge = (dx, dy) => changeSelected((box) => movedBy(box, dx, dy));

export function mirrorSelected() {
  const boxes = selected().map((one) => one.box);
  if (!boxes.length) return;
  const middle = (Math.min(...boxes.map((box) => box.cx)) + Math.max(...boxes.map((box) => box.cx))) / 2;
  changeSelected((box) => mirrored(box, middle));
}
