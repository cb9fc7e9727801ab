// What the user should know: what went wrong, doubts about the edit, what the model has never learnt.

import { byId, el, fill } from "./dom.js";
import { dismiss, result, state, watch } from "./store.js";

export function makeNotes() {
  watch(() => {
    const { look } = state;
    const missed = result(state.shown)?.missed ?? [];
    fill(byId("notes"),
      ...state.messages.map((one) => el("p", { class: one.kind === "warning" ? "" : one.kind }, one.text, " ",
        el("button", { onclick: () => dismiss(one.id), "aria-label": "Dismiss", class: "small" }, "✕"))),
      ...missed.map((text) => el("p", { "data-note": "missed" }, `Of the result shown: ${text}. Look, try another seed, or the fine preset.`)),
      ...(look?.problem ? [el("p", {}, look.problem)] : []),
      ...(look?.doubts ?? []).map((text) => el("p", { "data-note": "doubt" }, `Unusual: ${text}`)),
      ...(look?.notes ?? []).map((text) => el("p", { "data-note": "model" }, text)));
  }, ({ look, messages, shown, results }) => [look, messages, shown, results]);
}
