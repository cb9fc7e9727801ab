// The pictures on the stage: source, result with its wipe, preview, difference, region and brush mask.

import { picture } from "./api.js";
import { maskCanvas, maskFromPng } from "./mask.js";
import { result, state, tell, watch } from "./store.js";
import { fit, stage } from "./view.js";

/* global Konva */
let layer, source, after, preview, difference, region, mask, edge;
let loaded = null;      // id of the image that is drawn
let regionText = null;  // PNG of the region that is drawn

export function makePictures() {
  layer = new Konva.Layer({ listening: false, imageSmoothingEnabled: true });
  source = new Konva.Image();
  after = new Konva.Image();
  preview = new Konva.Image({ visible: false });
  difference = new Konva.Image({ visible: false });
  region = new Konva.Image({ visible: false });
  mask = new Konva.Image({ visible: false });
  edge = new Konva.Line({ stroke: "#e2a24a", strokeWidth: 1.5, strokeScaleEnabled: false, visible: false });
  layer.add(source, after, preview, difference, region, mask, edge);
  stage.add(layer);
  stage.on("placed", () => layer.imageSmoothingEnabled(stage.scaleX() < 3));
  watch(render, ({ image, shown, results, layers, wipe, job, look, useMask, mask }) =>
    [image, shown, results, layers, wipe, job?.preview, look, useMask, mask]);
}

export const redrawMask = () => layer.batchDraw();

// What is seen of the result: all of it, or what lies right of the wipe.
function crop(image, picture, share) {
  const { width, height } = state.image;
  const x = Math.round(width * share);
  image.setAttrs({
    image: picture, x, y: 0, width: width - x, height,
    crop: { x, y: 0, width: width - x, height },
    visible: x < width,
  });
}

async function render() {
  if (!state.image) return;
  const { width, height } = state.image;
  if (loaded !== state.image.id) {
    loaded = state.image.id;
    try {
      const found = await picture(`/api/images/${state.image.id}/pixels`);
      if (loaded !== state.image?.id) return;
      source.setAttrs({ image: found, width, height });
      fit();
    } catch (error) {
      tell(error.message, "bad");
    }
  }
  await renderResult();
  renderPreview();
  await renderRegion();
  const canvas = maskCanvas();
  mask.setAttrs({ image: canvas, width, height, visible: state.layers.mask > 0, opacity: state.layers.mask });
  layer.batchDraw();
}

async function renderResult() {
  const shown = result(state.shown);
  const isSeen = shown !== null && state.layers.result > 0;
  after.visible(false);
  difference.visible(false);
  edge.visible(false);
  if (!isSeen) return;
  const found = await picture(`/api/results/${shown.id}/pixels`);
  if (state.shown !== shown.id) return;
  const share = state.wipe / 100;
  crop(after, found, share);
  after.opacity(state.layers.result);
  const x = state.image.width * share;
  edge.setAttrs({ points: [x, 0, x, state.image.height], visible: share > 0 && share < 1 });
  if (shown.kind === "pair" && shown.normal && state.layers.difference > 0) {
    const map = await picture(`/api/results/${shown.id}/difference`);
    difference.setAttrs({
      image: map, width: state.image.width, height: state.image.height, visible: true,
      opacity: state.layers.difference, globalCompositeOperation: "lighter",
    });
  }
}

let previewOf = null;

async function renderPreview() {
  const given = state.job?.preview ?? null;
  preview.visible(given !== null && preview.image() !== undefined);
  if (given === null || given === previewOf) return;
  previewOf = given;
  const bytes = Uint8Array.from(atob(given.png), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  if (!state.job) return;
  preview.setAttrs({ image: bitmap, x: given.x, y: given.y, width: bitmap.width, height: bitmap.height, visible: true });
  layer.batchDraw();
}

// The region that an edit draws anew, by its rim.
async function renderRegion() {
  const text = state.look?.region ?? null;
  const isSeen = text !== null && state.layers.region > 0 && !state.useMask;
  region.visible(isSeen);
  if (!isSeen) return;
  region.opacity(state.layers.region);
  if (text === regionText) return;
  regionText = text;
  const values = await maskFromPng(text);
  const { width, height } = state.image;
  if (values.length !== width * height) return;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    if (!values[i]) continue;
    const x = i % width;
    // The rim alone: a veil would hide what is drawn there.
    const isRim = !values[i - width] || !values[i + width] || x === 0 || !values[i - 1] || x === width - 1 || !values[i + 1];
    if (isRim) pixels.data.set([226, 162, 74, 255], 4 * i);
  }
  context.putImageData(pixels, 0, 0);
  region.setAttrs({ image: canvas, width, height });
}
