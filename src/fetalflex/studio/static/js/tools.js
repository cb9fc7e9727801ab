// What the pointer does on the stage, by tool: select, add, brush, eraser, polygon; and panning with the space bar.

import { newUid, tidy } from "./boxes.js";
import { fillPolygon, keepMask, paintStroke } from "./mask.js";
import { redrawMask } from "./pictures.js";
import { commit, plane, state, structureOf, tell, update, watch } from "./store.js";
import { pan, pointer, stage } from "./view.js";

/* global Konva */
export const TOOLS = [
  ["select", "Select", "v", "Select, move, resize and turn boxes"],
  ["add", "Add", "a", "Add a box by dragging"],
  ["brush", "Brush", "b", "Paint the mask"],
  ["eraser", "Eraser", "e", "Erase the mask"],
  ["polygon", "Polygon", "p", "Fill a polygon of the mask; Enter or a double click closes it"],
];

let layer, rubber, cursor, polygon;
let begun = null;       // where the pointer went down, in image pixels
let lastPoint = null;
let panning = null;
let corners = [];
export let spaceIsDown = false;

export function setSpace(isDown) {
  spaceIsDown = isDown;
  stage.container().style.cursor = isDown ? "grab" : "";
}

export function makeTools() {
  layer = new Konva.Layer({ listening: false });
  rubber = new Konva.Rect({ stroke: "#fff", dash: [4, 3], strokeWidth: 1, strokeScaleEnabled: false, visible: false });
  cursor = new Konva.Circle({ stroke: "#fff", strokeWidth: 1, strokeScaleEnabled: false, visible: false });
  polygon = new Konva.Line({ stroke: "#ff5aaa", strokeWidth: 1.5, strokeScaleEnabled: false, visible: false });
  layer.add(rubber, cursor, polygon);
  stage.add(layer);
  stage.on("pointerdown", down);
  stage.on("pointermove", move);
  window.addEventListener("pointerup", up);
  stage.on("dblclick dbltap", closePolygon);
  stage.on("mouseleave", () => { cursor.visible(false); layer.batchDraw(); });
  watch(() => {
    if (state.tool !== "polygon" && corners.length) abandonPolygon();
    if (!["brush", "eraser"].includes(state.tool)) cursor.visible(false);
    layer.batchDraw();
  });
}

function down(event) {
  if (!state.image) return;
  stage.container().focus({ preventScroll: true });
  if (spaceIsDown || event.evt.button === 1) {
    panning = stage.getPointerPosition();
    event.evt.preventDefault();
    return;
  }
  if (event.evt.button > 0) return;
  const point = pointer();
  if (state.tool === "select") {
    if (event.target !== stage) return;  // a box or a handle
    begun = point;
  } else if (state.tool === "add") {
    if (!state.adding) tell("choose the structure to add in the list on the left", "warning");
    else begun = point;
  } else if (state.tool === "polygon") {
    corners.push(point);
    showPolygon(point);
  } else {
    begun = lastPoint = point;
    paint(point);
  }
}

function move() {
  if (panning) {
    const now = stage.getPointerPosition();
    pan(now.x - panning.x, now.y - panning.y);
    panning = now;
    return;
  }
  const point = pointer();
  if (!point || !state.image) return;
  if (state.tool === "brush" || state.tool === "eraser") {
    cursor.setAttrs({ x: point.x, y: point.y, radius: state.brush / 2, visible: true });
    if (begun) paint(point);
  } else if (corners.length) {
    showPolygon(point);
  } else if (begun) {
    rubber.setAttrs({ ...rectangle(begun, point), visible: true });
  }
  layer.batchDraw();
}

function paint(point) {
  paintStroke(lastPoint, point, state.brush, state.tool === "eraser");
  lastPoint = point;
  redrawMask();
}

function up() {
  panning = null;
  if (!begun) return;
  const from = begun, to = pointer() ?? begun;
  begun = null;
  rubber.visible(false);
  layer.batchDraw();
  if (state.tool === "add") add(rectangle(from, to));
  else if (state.tool === "select") selectWithin(rectangle(from, to));
  else keepMask();
}

const rectangle = (a, b) => ({
  x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y),
});

function add(drawn) {
  if (drawn.width < 3 || drawn.height < 3) return;
  const box = { cx: drawn.x + drawn.width / 2, cy: drawn.y + drawn.height / 2, width: drawn.width, height: drawn.height, angle: 0 };
  addStructure(state.adding, box);
  update({ tool: "select" });
}

export function addStructure(name, box) {
  if (!plane()?.structures.some((one) => one.name === name)) return;
  const one = { uid: newUid(), name, box: tidy(box, state.image), locked: false, score: null };
  commit({ structures: [...state.structures, one] }, { selection: [one.uid] });
  tell(`${structureOf(name).title} added`);
}

function selectWithin({ x, y, width, height }) {
  const isClick = width < 2 && height < 2;
  const selection = isClick ? [] : state.structures
    .filter(({ box }) => box.cx >= x && box.cx <= x + width && box.cy >= y && box.cy <= y + height)
    .map((one) => one.uid);
  update({ selection });
}

function showPolygon(point) {
  polygon.setAttrs({ points: [...corners, point].flatMap(({ x, y }) => [x, y]), visible: true });
  layer.batchDraw();
}

export function abandonPolygon() {
  corners = [];
  polygon.visible(false);
  layer.batchDraw();
}

export function closePolygon() {
  if (state.tool !== "polygon" || !corners.length) return;
  const points = corners;
  abandonPolygon();
  if (points.length < 3) return;
  fillPolygon(points);
  keepMask();
}
