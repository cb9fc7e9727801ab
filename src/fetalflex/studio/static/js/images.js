// Open images, and go back to results.

import { get, post } from "./api.js";
import { newUid, structuresOf } from "./boxes.js";
import { maskFromPng } from "./mask.js";
import { commit, state, tell, update } from "./store.js";

// Put an opened image on the stage, as one step.
export function place(image) {
  const changed = { image, before: image.layout, structures: structuresOf(image.layout, image.scores), mask: null, shown: null };
  commit(changed, { selection: [], useMask: false, look: null, wipe: 0 });
}

export async function openRecord(id) {
  try {
    place(await post(`/api/records/${id}/open`));
  } catch (error) {
    tell(error.message, "bad");
  }
}

export async function openFile(file) {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    place(await post("/api/uploads", { name: file.name, data: btoa(text) }));
    tell("nothing is known of this image yet: choose its plane on the left, or let the detector find plane and boxes");
  } catch (error) {
    tell(error.message, "bad");
  }
}

export function choosePlane(name) {
  const { width, height } = state.image;
  const before = { format: "fetalflex/layout", version: 1, plane: name, width, height, structures: [] };
  commit({ before, structures: [] }, { selection: [] });
}

// The boxes as they are now are what the image shows: the start of the next edit.
export function declare() {
  const structures = state.structures.map((one) => ({ ...one, score: null }));
  const before = { ...state.before, structures: structures.map(({ name, box }) => ({ name, box })) };
  commit({ before, structures });
  tell("these boxes are now taken as what the image shows; what you change from here on is an edit");
}

// Write what the image shows into the data set that it came from.
export async function correct() {
  try {
    const { written } = await post(`/api/images/${state.image.id}/correct`, { layout: state.before });
    update({ image: { ...state.image, layout: state.before, scores: [] } });
    tell(`written to ${written}`);
  } catch (error) {
    tell(error.message, "bad");
  }
}

// Take the edit back, not the request.
export function resetEdit() {
  commit({ structures: structuresOf(state.before) }, { selection: [] });
}

// Show a result; its image is opened again if another one is on the stage.
export async function showResult(one) {
  try {
    if (one.image === state.image?.id) {
      commit({ shown: one.id }, { wipe: 0 });
    } else {
      await recall(one);
    }
  } catch (error) {
    tell(error.message, "bad");
  }
}

// Bring back what made a result: image, edit, settings and seed.
export async function recall(one) {
  const image = one.image === state.image?.id ? state.image : await get(`/api/images/${one.image}`);
  const changed = { image, before: one.before, structures: structuresOf(one.layout), shown: one.id };
  if (image.id !== state.image?.id) changed.mask = null;
  const region = one.region === "mask" ? state.region : one.region;
  commit(changed, { selection: [], settings: { ...one.options }, seed: one.seed, region, wipe: 0, useMask: false });
}

// Go on from a result: it becomes the image to edit.
export async function goOn(one) {
  try {
    place(await post(`/api/results/${one.id}/open`));
    tell("the result is now the image to edit");
  } catch (error) {
    tell(error.message, "bad");
  }
}

export async function restore(document) {
  const image = document.image ? await get(`/api/images/${document.image}`) : null;
  const mask = document.mask && image ? await maskFromPng(document.mask) : null;
  update({
    image, mask,
    before: document.before ?? null,
    structures: (document.structures ?? []).map((one) => ({ ...one, uid: newUid() })),
    shown: state.results.some((one) => one.id === document.shown) ? document.shown : null,
    settings: { ...state.settings, ...document.settings },
    seed: document.seed ?? 0,
    variants: document.variants ?? 1,
    region: document.region ?? "changed",
    useMask: Boolean(document.useMask),
    hidden: document.hidden ?? [],
    layers: { ...state.layers, ...document.layers },
    unit: document.unit ?? "px",
  });
}
