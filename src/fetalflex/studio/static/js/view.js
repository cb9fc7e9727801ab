// Where the image lies in the window: zoom and pan. Boxes stay in image pixels; only the stage is moved.

import { state } from "./store.js";

/* global Konva */
export let stage = null;
const FARTHEST = 0.05, NEAREST = 40;

export function makeStage(container) {
  stage = new Konva.Stage({ container, width: container.clientWidth, height: container.clientHeight });
  new ResizeObserver(() => {
    const wasFitting = isFitting;
    stage.size({ width: container.clientWidth, height: container.clientHeight });
    if (wasFitting) fit();
  }).observe(container);
  stage.on("wheel", (event) => {
    event.evt.preventDefault();
    const { deltaX, deltaY, shiftKey } = event.evt;
    if (shiftKey) pan(-(deltaX || deltaY), 0);
    else zoomBy(Math.exp(-deltaY / 500), stage.getPointerPosition());
  });
  return stage;
}

let isFitting = true;

export function fit() {
  if (!state.image || !stage) return;
  const { width, height } = state.image;
  const scale = Math.min(stage.width() / width, stage.height() / height) * 0.94;
  place(scale, (stage.width() - scale * width) / 2, (stage.height() - scale * height) / 2);
  isFitting = true;
}

export function zoomTo(scale, about = { x: stage.width() / 2, y: stage.height() / 2 }) {
  const wanted = Math.min(Math.max(scale, FARTHEST), NEAREST);
  const factor = wanted / stage.scaleX();
  place(wanted, about.x - factor * (about.x - stage.x()), about.y - factor * (about.y - stage.y()));
}

export const zoomBy = (factor, about) => zoomTo(stage.scaleX() * factor, about);

export const pan = (dx, dy) => place(stage.scaleX(), stage.x() + dx, stage.y() + dy);

function place(scale, x, y) {
  isFitting = false;
  stage.scale({ x: scale, y: scale });
  stage.position({ x, y });
  stage.fire("placed");
  stage.batchDraw();
}

// The pointer in image pixels.
export function pointer() {
  const position = stage.getPointerPosition();
  return position && { x: (position.x - stage.x()) / stage.scaleX(), y: (position.y - stage.y()) / stage.scaleY() };
}
