// What the user should know: what went wrong, doubts about the edit, what the model has never learnt.

import { byId, el, fill } from "./dom.js";
import { dismiss, state, watch } from "./store.js";

export function makeNotes() {
  watch(() => {
    const { look } = state;
    fill(byId("notes"),
      ...state.messages.map((one) => el("p", { class: one.kind === "warning" ? "" : one.kind }, one.text, " ",
        el("button", { onclick: () => dismiss(one.id), "aria-label": "Dismiss", class: "small" }, "✕"))),
      ...(look?.problem ? [el("p", {}, look.problem)] : []),
      ...(look?.doubts ?? []).map((text) => el("p", { "data-note": "doubt" }, `Unusual: ${text}`)),
      ...(look?.notes ?? []).map((text) => el("p", { "data-note": "model" }, text)));
  });
}
