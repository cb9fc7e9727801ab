// Choose an image: of a data set, or a file of one's own.

import { get, picture } from "./api.js";
import { byId, el } from "./dom.js";
import { openFile, openRecord } from "./images.js";
import { state, tell } from "./store.js";

const PAGE = 60;
let chosen = { set: 0, plane: "", words: "", start: 0 };
let count = 0;

export function openDialog() {
  const dialog = byId("open-dialog");
  dialog.replaceChildren(
    el("h1", {}, "Open an image"),
    el("div", { class: "row wrap" },
      el("label", {}, "An image file: ", el("input", {
        type: "file", id: "file", accept: ".png,.jpg,.jpeg,.tif,.tiff,.bmp,.webp,.dcm",
        onchange: (event) => event.target.files[0] && close(() => openFile(event.target.files[0])),
      })),
      el("span", { class: "quiet" }, "PNG, JPEG, TIFF, BMP or WEBP. It stays on this machine.")),
    ...(state.catalogue.sets.length ? filters() : [el("p", { class: "quiet" }, "No data set was given at the start; fetalflex studio FOLDER opens one.")]),
    el("div", { class: "cards", id: "cards" }),
    el("div", { class: "row" },
      el("button", { id: "earlier", onclick: () => turn(-PAGE) }, "Earlier"),
      el("button", { id: "later", onclick: () => turn(PAGE) }, "Later"),
      el("span", { id: "count", class: "quiet" }), el("span", { class: "space" }),
      el("button", { onclick: () => dialog.close() }, "Close")));
  if (!dialog.open) dialog.showModal();
  list();
}

function close(then) {
  byId("open-dialog").close();
  then();
}

function filters() {
  const { sets } = state.catalogue;
  const planes = Object.keys(sets[chosen.set]?.planes ?? {});
  const title = (name) => state.catalogue.planes.find((one) => one.name === name)?.title ?? name;
  return [el("div", { class: "row wrap" },
    el("select", { "aria-label": "Data set", onchange: (event) => { chosen = { ...chosen, set: Number(event.target.value), plane: "", start: 0 }; openDialog(); } },
      sets.map((one, index) => el("option", { value: index, selected: index === chosen.set }, `${one.name} (${one.count})`))),
    el("select", { "aria-label": "Plane", onchange: (event) => { chosen = { ...chosen, plane: event.target.value, start: 0 }; list(); } },
      el("option", { value: "" }, "all planes"),
      planes.map((name) => el("option", { value: name, selected: name === chosen.plane }, title(name)))),
    el("input", { type: "text", placeholder: "part of the file name", "aria-label": "Part of the file name", value: chosen.words,
      oninput: (event) => { chosen = { ...chosen, words: event.target.value, start: 0 }; list(); } }))];
}

function turn(by) {
  chosen = { ...chosen, start: Math.max(chosen.start + by, 0) };
  list();
}

async function list() {
  if (!state.catalogue.sets.length) return;
  const asked = chosen;
  try {
    const query = new URLSearchParams({ set: asked.set, start: asked.start, plane: asked.plane, words: asked.words });
    const found = await get(`/api/records?${query}`);
    if (asked !== chosen) return;
    count = found.count;
    byId("cards").replaceChildren(...found.images.map(card));
    const last = Math.min(asked.start + PAGE, count);
    byId("count").textContent = count ? `${asked.start + 1} to ${last} of ${count}` : "no image fits";
    byId("earlier").disabled = asked.start === 0;
    byId("later").disabled = last >= count;
  } catch (error) {
    tell(error.message, "bad");
  }
}

function card(one) {
  const image = el("img", { alt: "" });
  picture(`/api/records/${one.id}/thumbnail`).then((found) => { image.src = found.src; }, () => {});
  return el("button", { class: "card", "data-record": one.name, onclick: () => close(() => openRecord(one.id)), title: one.structures.join(", ") },
    image, el("span", {}, one.name), el("span", { class: "quiet" }, `${one.width} × ${one.height}${one.to_review ? " · to review" : ""}`));
}
