// Growth: measures at an age and centile, or in millimetres, each an ordinary edit of the boxes.

import { post } from "./api.js";
import { layoutOf, matched } from "./boxes.js";
import { byId, el, fill, shortNumber } from "./dom.js";
import { commit, plane, state, tell, update, watch } from "./store.js";

let weeks = 22, centile = 50, chosen = null, mm = "";

export function makeGrowth() {
  watch(() => {
    const panel = byId("tab-growth");
    if (state.tab !== "growth") return;
    if (panel.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    fill(panel, ...content());
  }, ({ tab, before, structures, look, asked }) => [tab, before, structures, look, asked]);
}

const measures = () => state.catalogue.measures.filter((one) =>
  state.structures.some((box) => box.name === one.structure) && (!one.of_outline || plane()?.outline === one.structure));

function content() {
  if (!state.before) return [el("p", { class: "quiet" }, "Open an image whose plane is known.")];
  if (!state.before.pixel_spacing_mm) return withoutSpacing();
  const known = measures();
  if (!known.length) return [el("p", { class: "quiet" }, "None of the boxes is measured: skull, abdomen, lateral ventricle, nasal bone and nuchal translucency are.")];
  if (!known.some((one) => one.name === chosen)) chosen = known[0].name;
  const one = known.find((item) => item.name === chosen);
  return [
    el("p", { class: "quiet" }, "Setting a measure scales its box, a skull or abdomen with all that lies in it."),
    el("table", {}, (state.look?.measures ?? []).map((item) => el("tr", {},
      el("td", { title: item.title }, item.measure), el("td", {}, `${shortNumber(item.mm)} mm`),
      el("td", { class: "quiet" }, item.age_at_50th_centile ? `50th centile at ${item.age_at_50th_centile}` : "")))),
    el("div", { class: "field" }, el("label", { htmlFor: "measure" }, "Measure"),
      el("select", { id: "measure", "data-key": "measure", onchange: (event) => { chosen = event.target.value; update({ asked: chosen }); } },
        known.map((item) => el("option", { value: item.name, selected: item.name === chosen }, `${item.name}, ${item.title}`)))),
    ...(one.chart ? [
      slider("weeks", "Weeks", one.name === "LV" ? 20 : 14, 40, 1, weeks, (value) => { weeks = value; }),
      slider("centile", "Centile", 1, 99, 1, centile, (value) => { centile = value; }),
      el("div", { class: "row" }, el("button", { "data-key": "grow", onclick: () => grow(`${weeks}w0d, ${one.name} ${centile}th centile`) },
        "Set to this centile")),
      el("p", { class: "quiet" }, `Chart: ${one.chart}. For making data, not for judging a patient.`),
    ] : []),
    el("div", { class: "field" }, el("label", { htmlFor: "mm" }, "Millimetres"), el("span", { class: "row" },
      el("input", { id: "mm", "data-key": "mm", type: "number", min: 0.1, step: "any", value: mm, onchange: (event) => { mm = event.target.value; } }),
      el("button", { "data-key": "grow-mm", onclick: () => mm && grow(`${one.name} ${Number(mm)} mm`) }, "Set"))),
  ];
}

function slider(id, title, min, max, step, value, keep) {
  const shown = el("output", {}, String(value));
  return el("div", { class: "field" }, el("label", { htmlFor: id }, title, " ", shown),
    el("input", { id, "data-key": id, type: "range", min, max, step, value, oninput: (event) => {
      keep(Number(event.target.value));
      shown.textContent = event.target.value;
    } }));
}

function withoutSpacing() {
  return [
    el("p", { class: "quiet" }, "The size of a pixel is not known, so nothing can be measured in mm. Give it, if you know it:"),
    el("div", { class: "field" }, el("label", { htmlFor: "spacing" }, "mm per pixel"),
      el("input", { id: "spacing", "data-key": "spacing", type: "number", min: 0.001, max: 10, step: "any", onchange: (event) => {
        const value = Number(event.target.value);
        if (value > 0 && value < 100) commit({ before: { ...state.before, pixel_spacing_mm: value } });
      } })),
  ];
}

async function grow(target) {
  try {
    const found = await post("/api/growth", { layout: layoutOf(state.before, state.structures), targets: [target] });
    commit({ structures: matched(state.structures, found.layout) });
    tell(`${target}; now generate`);
  } catch (error) {
    tell(error.message, "warning");
  }
}
