// Variants of one request side by side, to choose one; the others stay in the history, or are discarded.

import { picture } from "./api.js";
import { byId, el } from "./dom.js";
import { commit, state, update } from "./store.js";

export function chooseVariant(results) {
  const dialog = byId("variants-dialog");
  const take = (one, keepsOthers) => {
    dialog.close();
    const others = results.filter((other) => other.id !== one.id).map((other) => other.id);
    commit({ shown: one.id }, { wipe: 0, hidden: keepsOthers ? state.hidden : [...state.hidden, ...others] });
  };
  dialog.replaceChildren(
    el("h1", {}, "Choose a variant ", el("span", { class: "quiet" }, "synthetic images")),
    el("div", { class: "variants" }, results.map((one, index) => {
      const image = el("img", { alt: `variant ${index + 1}, seed ${one.seed}` });
      picture(`/api/results/${one.id}/pixels`).then((found) => { image.src = found.src; }, () => {});
      return el("figure", {}, image, el("figcaption", { class: "row" },
        el("button", { class: "main", "data-variant": index + 1, onclick: () => take(one, true), title: `Take it (${index + 1})` }, `Take ${index + 1}`),
        el("button", { onclick: () => take(one, false), title: "Take it, and discard the others" }, "Only this"),
        el("span", { class: "quiet" }, `seed ${one.seed}`),
        one.missed?.length ? el("span", { class: "score", title: one.missed.join("; ") }, "not found") : null));
    })),
    el("div", { class: "row" }, el("span", { class: "quiet" }, "Keys 1 to 4 take one. All stay in the history unless discarded."), el("span", { class: "space" }),
      el("button", { onclick: () => { dialog.close(); update({ hidden: [...state.hidden, ...results.map((one) => one.id)] }); } }, "Discard all"),
      el("button", { onclick: () => dialog.close() }, "Decide later")));
  dialog.onkeydown = (event) => {
    const one = results[Number(event.key) - 1];
    if (one) {
      event.preventDefault();
      event.stopPropagation();
      take(one, true);
    }
  };
  dialog.showModal();
}
