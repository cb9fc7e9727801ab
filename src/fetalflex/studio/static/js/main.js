// Start the page: learn what there is, bring back the work, put the parts together.

import { get } from "./api.js";
import { makeBoxLayer } from "./boxlayer.js";
import { exportDialog } from "./dialog-export.js";
import { openDialog } from "./dialog-open.js";
import { byId, el, fill } from "./dom.js";
import { openFile, restore } from "./images.js";
import { listenToKeys, showKeys } from "./keys.js";
import { startLooking } from "./look.js";
import { makeNotes } from "./notes.js";
import { makeAnomalies } from "./panel-anomalies.js";
import { makeGrowth } from "./panel-growth.js";
import { makeNumbers } from "./panel-numbers.js";
import { makeRequest } from "./panel-request.js";
import { makeStructures } from "./panel-structures.js";
import { makePictures } from "./pictures.js";
import { startSaving } from "./saving.js";
import { canRedo, canUndo, forgetSteps, redo, state, tell, undo, update, watch } from "./store.js";
import { makeStrip } from "./strip.js";
import { makeTools, TOOLS } from "./tools.js";
import { fit, makeStage, stage, zoomBy, zoomTo } from "./view.js";

const TABS = [["generate", "Generate"], ["anomalies", "Anomalies"], ["growth", "Growth"]];

function makeBar() {
  const actions = {
    open: openDialog, undo, redo, "zoom-in": () => zoomBy(1.25), "zoom-out": () => zoomBy(0.8), "zoom-fit": fit,
    "zoom-full": () => zoomTo(1), export: exportDialog, help: showKeys,
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  watch(() => {
    byId("undo").disabled = !canUndo();
    byId("redo").disabled = !canRedo();
    byId("image-name").textContent = state.image ? state.image.name : "";
    byId("image-name").title = state.image ? `${state.image.origin}, ${state.image.width} × ${state.image.height} px` : "";
    byId("status").textContent = state.image?.synthetic ? "The open image is itself synthetic." : "";
    fill(byId("tools"), TOOLS.map(([tool, title, key, about]) => el("button", {
      "data-key": `tool-${tool}`, "data-tool": tool, "aria-pressed": String(tool === state.tool), title: `${about} (${key})`,
      onclick: () => update({ tool }),
    }, title)), ["brush", "eraser"].includes(state.tool) ? el("span", { class: "quiet" }, ` ${state.brush} px [ ]`) : null);
    fill(byId("tabs"), TABS.map(([tab, title]) => el("button", {
      role: "tab", id: `for-${tab}`, "data-key": `tab-${tab}`, "aria-selected": String(tab === state.tab), "aria-controls": `tab-${tab}`,
      onclick: () => update({ tab }),
    }, title)));
    for (const [tab] of TABS) byId(`tab-${tab}`).hidden = tab !== state.tab;
  }, ({ image, before, structures, mask, shown, tool, brush, tab }) => [image, before, structures, mask, shown, tool, brush, tab]);
}

function takeDroppedFiles() {
  const hint = byId("drop-hint");
  window.addEventListener("dragover", (event) => { event.preventDefault(); hint.hidden = false; });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) hint.hidden = true; });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    hint.hidden = true;
    const [file] = event.dataTransfer.files;
    if (file) openFile(file);
  });
}

async function start() {
  const [catalogue, work, { results }] = await Promise.all([get("/api/catalogue"), get("/api/work"), get("/api/results")]);
  state.catalogue = catalogue;
  state.settings = { ...catalogue.settings, ...catalogue.presets.draft };
  state.results = results;
  byId("model-name").textContent = catalogue.model;
  makeStage(byId("stage"));
  makePictures();
  makeBoxLayer();
  makeTools();
  makeBar();
  makeStructures();
  makeNumbers();
  makeRequest();
  makeAnomalies();
  makeGrowth();
  makeStrip();
  makeNotes();
  startLooking();
  listenToKeys();
  takeDroppedFiles();
  if (work.document) {
    try {
      await restore(work.document);
    } catch (error) {
      tell(`the last work could not be brought back: ${error.message}`, "bad");
    }
  }
  startSaving(work.revision);
  forgetSteps();
  update({});
  if (!state.image) openDialog();
  document.body.dataset.ready = "true";
}

start().catch((error) => {
  const banner = byId("banner");
  banner.textContent = error.message;
  banner.hidden = false;
});

// For the console, and for tests.
window.fetalflex = { state, stage: () => stage };
