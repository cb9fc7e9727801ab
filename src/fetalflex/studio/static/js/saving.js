// Save the work a moment after each change; another window's work is never overwritten.

import { put } from "./api.js";
import { maskAsPng } from "./mask.js";
import { state, watch } from "./store.js";
import { byId, el } from "./dom.js";

const PATIENCE_MS = 600;
let revision = 0;
let timer = null;
let isSaving = false;
let isStopped = false;
let last = null;

export function startSaving(known) {
  revision = known;
  last = parts();
  watch(() => {
    const now = parts();
    if (isStopped || now.every((value, index) => value === last[index])) return;
    last = now;
    byId("saved").textContent = "saving…";
    clearTimeout(timer);
    timer = setTimeout(save, PATIENCE_MS);
  });
}

const parts = () => [
  state.image, state.before, state.structures, state.mask, state.shown, state.settings, state.seed, state.variants,
  state.region, state.useMask, state.hidden, state.layers, state.unit,
];

async function save() {
  if (isSaving) {
    timer = setTimeout(save, PATIENCE_MS);
    return;
  }
  isSaving = true;
  const saved = last;
  try {
    const document = {
      image: state.image?.id ?? null,
      before: state.before,
      structures: state.structures.map(({ name, box, locked, score }) => ({ name, box, locked, score })),
      mask: state.image ? await maskAsPng(state.mask, state.image) : null,
      shown: state.shown, settings: state.settings, seed: state.seed, variants: state.variants, region: state.region,
      useMask: state.useMask, hidden: state.hidden, layers: state.layers, unit: state.unit,
    };
    revision = (await put("/api/work", { revision, document })).revision;
    if (saved === last) byId("saved").textContent = "saved";
  } catch (error) {
    byId("saved").textContent = "not saved";
    if (error.status === 409) stop(error.message);
    else timer = setTimeout(save, 4000);
  }
  isSaving = false;
}

function stop(message) {
  isStopped = true;
  const banner = byId("banner");
  banner.replaceChildren(message, el("button", { onclick: () => location.reload() }, "Load again"));
  banner.hidden = false;
}
