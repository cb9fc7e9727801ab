// Export: results as one ZIP file, the command line of the one that is shown.

import { blob, get } from "./api.js";
import { byId, el } from "./dom.js";
import { result, state, tell } from "./store.js";

export async function exportDialog() {
  const dialog = byId("export-dialog");
  const kept = state.results.filter((one) => !state.hidden.includes(one.id));
  const ofImage = kept.filter((one) => one.image === state.image?.id);
  const shown = result(state.shown);
  const choice = (id, text, results) => el("button", {
    id, class: "main", disabled: !results.length, onclick: () => download(results),
  }, `${text} (${results.length})`);
  const command = el("textarea", { rows: 4, readOnly: true, "aria-label": "Command line" });
  dialog.replaceChildren(
    el("h1", {}, "Export"),
    el("p", {}, "A ZIP file: a data set folder with COCO annotations, and for each result the image with its metadata, its layout, mask, source, recipe and the command that makes it again."),
    el("div", { class: "row wrap" },
      choice("export-shown", "The result shown", shown ? pairOf(shown) : []),
      choice("export-image", "All of this image", ofImage),
      choice("export-all", "All in the history", kept)),
    ...(shown ? [el("p", { class: "quiet" }, "The same on the command line, in its folder of the ZIP file:"), command] : []),
    el("p", { class: "quiet" }, "Exported images keep the mark that they are synthetic. The folder also holds the source images: treat it like them."),
    el("div", { class: "row" }, el("span", { class: "space" }), el("button", { onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
  if (shown) {
    try {
      command.value = (await get(`/api/results/${shown.id}`)).command ?? "No single command makes this one again; its recipe and settings are exported.";
    } catch (error) {
      command.value = error.message;
    }
  }
}

const pairOf = (shown) => [shown, ...(shown.normal ? [result(shown.normal)] : [])].filter(Boolean);

async function download(results) {
  try {
    const data = await blob("/api/exports", { results: results.slice(-200).map((one) => one.id) });
    const link = el("a", { href: URL.createObjectURL(data), download: "fetalflex-export.zip" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    byId("export-dialog").close();
    tell(`exported ${results.length} ${results.length === 1 ? "result" : "results"}`);
  } catch (error) {
    tell(error.message, "bad");
  }
}
