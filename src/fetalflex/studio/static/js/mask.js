// The brush mask: a bitmap of its own, one value a pixel, never shapes.

import { commit, state } from "./store.js";

const TINT = [255, 90, 170];

// A canvas on which the mask is painted; what is opaque is marked.
let canvas = null;
let painted = null;

export function maskCanvas() {
  const { image, mask } = state;
  if (!image) return null;
  if (!canvas || canvas.width !== image.width || canvas.height !== image.height) {
    canvas = new OffscreenCanvas(image.width, image.height);
    painted = undefined;
  }
  if (painted !== mask) {
    draw(mask);
    painted = mask;
  }
  return canvas;
}

function draw(mask) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; mask && i < mask.length; i++) {
    if (!mask[i]) continue;
    pixels.data.set(TINT, 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

// Paint a stroke from point to point; it is kept by `keepMask`.
export function paintStroke(from, to, diameter, erases) {
  const context = maskCanvas().getContext("2d");
  context.globalCompositeOperation = erases ? "destination-out" : "source-over";
  context.strokeStyle = `rgb(${TINT})`;
  context.lineWidth = diameter;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x + 0.01, to.y);
  context.stroke();
  context.globalCompositeOperation = "source-over";
}

export function fillPolygon(points) {
  const context = maskCanvas().getContext("2d");
  context.fillStyle = `rgb(${TINT})`;
  context.beginPath();
  for (const { x, y } of points) context.lineTo(x, y);
  context.closePath();
  context.fill();
}

// Make what is painted one undoable step.
export function keepMask() {
  const { data } = maskCanvas().getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const mask = new Uint8ClampedArray(data.length / 4);
  let any = false;
  for (let i = 0; i < mask.length; i++) {
    mask[i] = data[4 * i + 3] > 127 ? 255 : 0;
    any ||= mask[i] > 0;
  }
  const kept = any ? mask : null;
  painted = undefined;  // drawn again, without soft edges
  commit({ mask: kept });
}

export function clearMask() {
  if (state.mask) commit({ mask: null }, { useMask: false });
}

// Mark what another mask marks, too.
export async function addToMask(base64) {
  const other = await maskFromPng(base64);
  const mask = state.mask ? state.mask.map((value, i) => Math.max(value, other[i])) : other;
  commit({ mask });
}

export async function maskFromPng(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const drawn = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = drawn.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return Uint8ClampedArray.from({ length: data.length / 4 }, (_, i) => (data[4 * i] > 127 ? 255 : 0));
}

const encoded = new WeakMap();

// The mask as a PNG in base64, white on black; null without one.
export async function maskAsPng(mask, image) {
  if (!mask) return null;
  if (!encoded.has(mask)) {
    const drawn = new OffscreenCanvas(image.width, image.height);
    const context = drawn.getContext("2d");
    const pixels = context.createImageData(image.width, image.height);
    for (let i = 0; i < mask.length; i++) pixels.data.set([mask[i], mask[i], mask[i], 255], 4 * i);
    context.putImageData(pixels, 0, 0);
    const bytes = new Uint8Array(await (await drawn.convertToBlob({ type: "image/png" })).arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    encoded.set(mask, btoa(text));
  }
  return encoded.get(mask);
}
