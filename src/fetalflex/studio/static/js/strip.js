// The history: every result with its picture; each can be shown, gone back to, gone on from.

import { picture } from "./api.js";
import { byId, el } from "./dom.js";
import { goOn, recall, showResult } from "./images.js";
import { commit, result, state, tell, update, watch } from "./store.js";

const MOST_SHOWN = 60;
let drawn = null;

export function makeStrip() {
  watch(() => {
    const key = [state.results, state.hidden, state.shown, state.image];
    if (drawn && key.every((value, index) => value === drawn[index])) return;
    const grew = drawn && drawn[0].length < state.results.length;
    drawn = key;
    const strip = byId("strip");
    const focused = strip.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const left = strip.scrollLeft;
    strip.replaceChildren(...content());
    strip.scrollLeft = grew || drawn === null ? strip.scrollWidth : left;
    if (focused) strip.querySelector(`[data-key="${focused}"]`)?.focus();
  });
  watch(compare, ({ shown, image, wipe }) => [shown, image, wipe]);
  byId("wipe").addEventListener("input", (event) => update({ wipe: Number(event.target.value) }));
}

function content() {
  const shown = state.results.filter((one) => !state.hidden.includes(one.id)).slice(-MOST_SHOWN);
  if (!shown.length) return [el("span", { class: "empty" }, "Results appear here. Each keeps its edit, settings and seed.")];
  return shown.map(thumb);
}

const KINDS = { generate: "edit", refine: "refined", pair: "pair" };

function thumb(one) {
  const image = el("img", { alt: `${KINDS[one.kind]} of ${one.name}, seed ${one.seed}` });
  picture(`/api/results/${one.id}/pixels`).then((found) => { image.src = found.src; }, () => {});
  return el("div", { class: "thumb", "data-shown": String(one.id === state.shown), "data-result": one.id },
    el("button", { class: "picture", "data-key": `show-${one.id}`, onclick: () => showResult(one), title: `${one.name}\nseed ${one.seed}, ${one.options.sampler}, ${one.options.steps} steps` }, image),
    el("span", {}, `${KINDS[one.kind]}${one.role ? `, ${one.role}` : ""} · seed ${one.seed}`),
    el("span", { class: "row" },
      el("button", { "data-key": `recall-${one.id}`, onclick: () => recall(one).catch((error) => tell(error.message, "bad")), title: "Bring back its boxes, settings and seed" }, "recall"),
      el("button", { "data-key": `on-${one.id}`, onclick: () => goOn(one), title: "Make it the image to edit" }, "go on"),
      el("button", { "data-key": `hide-${one.id}`, onclick: () => hide([one.id]), title: "Discard", "aria-label": "Discard" }, "✕")));
}

export function hide(ids) {
  update({ hidden: [...state.hidden, ...ids] });
  if (ids.includes(state.shown)) commit({ shown: null });
}

function compare() {
  const shown = result(state.shown);
  byId("compare").hidden = shown === null;
  byId("synthetic").hidden = shown === null && !state.image?.synthetic;
  const wipe = byId("wipe");
  if (document.activeElement !== wipe || Number(wipe.value) !== state.wipe) wipe.value = state.wipe;
  byId("compare-what").textContent = state.wipe > 0 ? "left of the line: the image before" : "move the slider (w) to see the image before";
}
