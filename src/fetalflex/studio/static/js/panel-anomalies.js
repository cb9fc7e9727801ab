// Anomalies by grade, each an ordinary edit of the boxes.

import { post } from "./api.js";
import { layoutOf, matched } from "./boxes.js";
import { byId, el, fill } from "./dom.js";
import { commit, selected, state, structureOf, tell, watch } from "./store.js";

let shownFor = null;

export function makeAnomalies() {
  watch(() => {
    const key = JSON.stringify([state.before?.plane, state.tab, selected()[0]?.name]);
    if (state.tab !== "anomalies" || key === shownFor) return;
    shownFor = key;
    fill(byId("tab-anomalies"), ...content());
  });
}

function content() {
  const { plane } = state.before ?? {};
  if (!plane) return [el("p", { class: "quiet" }, "Open an image whose plane is known.")];
  const fitting = state.catalogue.anomalies.filter((one) => !one.planes.length || one.planes.includes(plane));
  return [
    el("p", { class: "quiet" }, "A grade changes the boxes, from the published range; press again for another draw, undo to take it back. ",
      "Then generate. “drawn” says in how many measured syntheses it was seen."),
    ...fitting.map(entry),
  ];
}

function entry(one) {
  const chosen = selected()[0];
  const about = one.for_any ? `${one.about} Of ${chosen ? structureOf(chosen.name).title : "a box drawn at random; select one to choose"}.` : one.about;
  return el("div", { class: "anomaly" },
    el("b", {}, one.title), el("br"), el("small", {}, about),
    el("div", { class: "row" }, one.severities.map((grade) => el("button", {
      "data-key": `${one.name}-${grade.name}`, "data-anomaly": `${one.name}:${grade.name}`,
      title: [grade.threshold, grade.drawn && `drawn: ${grade.drawn}`].filter(Boolean).join("; "),
      onclick: () => apply(one, grade),
    }, grade.name.replaceAll("_", " "), grade.drawn ? el("small", {}, ` · ${grade.drawn.split(" (")[0]}`) : null))));
}

async function apply(one, grade) {
  try {
    const found = await post("/api/anomalies", {
      layout: layoutOf(state.before, state.structures), anomaly: one.name, severity: grade.name,
      structure: one.for_any ? selected()[0]?.name ?? null : null, seed: Math.floor(Math.random() * 2 ** 31),
    });
    commit({ structures: matched(state.structures, found.layout) });
    tell(`${one.title}, ${grade.name}${found.structure ? ` (${found.structure.replaceAll("_", " ")})` : ""}; ` +
      `${found.repairs.length ? `${found.repairs.join("; ")}; ` : ""}now generate`);
  } catch (error) {
    tell(error.message, "warning");
  }
}
