// What to synthesise, and how: presets, seed, region, prompt, and the settings with a line of explanation each.

import { el, byId, fill } from "./dom.js";
import { cancel, generate, LARGEST_SEED, pair, refine, rollDie } from "./jobs.js";
import { clearMask } from "./mask.js";
import { state, update, watch } from "./store.js";

const REGIONS = [
  ["changed", "what the edit changes"], ["auto", "the whole body"], ["structures", "all structures"],
  ["full", "the whole image"], ["mask", "the brush mask"],
];

const SETTINGS = [
  ["guidance_layout", "Layout guidance", 0, 30, 0.5, "How strictly boxes are followed; 1 is off and halves the time."],
  ["guidance_edit", "Edit guidance", 0, 30, 0.5, "Strengthens what the edit changes; 0 is off."],
  ["guidance_prompt", "Prompt guidance", 0, 30, 0.5, "How strictly the prompt is followed; 1 is off."],
  ["steps", "Steps", 1, 1000, 1, "More steps take longer; from about 10 on, dpm++ and unipc are good."],
  ["strength", "Strength", 0.05, 1, 0.05, "Below 1 the image itself guides what is drawn; 1 starts from noise. Refining takes 0.6 where this is 1."],
];

export function makeRequest() {
  watch(() => {
    const panel = byId("tab-generate");
    const active = document.activeElement;
    if (panel.contains(active) && ["number", "text", "textarea"].includes(active.type)) refresh(panel, active);
    else fill(panel, ...content());
  }, ({ settings, seed, variants, region, useMask }) => [settings, seed, variants, region, useMask]);
  watch(() => fill(byId("run"), ...running()), ({ job, image, before, mask }) =>
    [job?.state, job?.step, job?.steps, job?.wantsCancel, image, before, mask]);
}

const set = (name, value) => update({ settings: { ...state.settings, [name]: value } });

export function preset(name) {
  update({ settings: { ...state.settings, ...state.catalogue.presets[name] } });
}

const isPreset = (name) => Object.entries(state.catalogue.presets[name])
  .every(([key, value]) => ["prompt", "negative_prompt"].includes(key) || state.settings[key] === value);

let isOpen = false;

function content() {
  const region = state.useMask ? "mask" : state.region;
  return [
    el("div", { class: "row" }, ["draft", "fine"].map((name) => el("button", {
      "data-key": `preset-${name}`, "aria-pressed": String(isPreset(name)), onclick: () => preset(name),
      title: name === "draft" ? "fewest steps, for trying things" : "the settings of the command line",
    }, name === "draft" ? "Draft (fast)" : "Fine (slow)"))),
    field("Region", "region", el("select", {
      id: "region", "data-key": "region",
      onchange: (event) => update(event.target.value === "mask" ? { useMask: true } : { useMask: false, region: event.target.value }),
    }, REGIONS.map(([value, title]) => el("option", { value, selected: value === region }, title))),
    "What is drawn anew; every pixel elsewhere stays as it is."),
    field("Seed", "seed", el("span", { class: "row" },
      el("input", {
        id: "seed", "data-key": "seed", type: "number", min: 0, max: LARGEST_SEED, step: 1, value: state.seed,
        onchange: (event) => update({ seed: Math.min(Math.max(Math.trunc(Number(event.target.value)) || 0, 0), LARGEST_SEED) }),
      }),
      el("button", { "data-key": "die", onclick: rollDie, title: "Another seed (d)", "aria-label": "Another seed" }, "⚄"))),
    field("Variants", "variants", el("select", {
      id: "variants", "data-key": "variants", onchange: (event) => update({ variants: Number(event.target.value) }),
    }, [1, 2, 4].map((count) => el("option", { value: count, selected: count === state.variants }, String(count)))),
    "From seeds that follow one another, to choose from."),
    el("details", { open: isOpen, ontoggle: (event) => { isOpen = event.target.open; } },
      el("summary", { "data-key": "more" }, "Prompt and settings"),
      ...more()),
  ];
}

function more() {
  return [
    field("Prompt", "prompt", text("prompt"), "Replaces the one made from the boxes; it changes little. Boxes decide what is drawn."),
    field("Negative prompt", "negative_prompt", text("negative_prompt"), "To steer away from; needs a prompt guidance above 1."),
    field("Sampler", "sampler", el("select", {
      id: "sampler", "data-key": "sampler", onchange: (event) => set("sampler", event.target.value),
    }, ["ddim", "dpm++", "unipc"].map((name) => el("option", { value: name, selected: name === state.settings.sampler }, name))),
    "dpm++ and unipc need fewer steps."),
    ...SETTINGS.map(([name, title, min, max, step, about]) => field(title, name, el("input", {
      id: name, "data-key": name, type: "number", min, max, step, value: state.settings[name],
      onchange: (event) => {
        const value = Number(event.target.value);
        const whole = name === "steps" ? Math.round(value) : value;
        if (Number.isFinite(value) && event.target.value !== "") set(name, Math.min(Math.max(whole, min), max));
      },
    }), about)),
    field("Feather", "feather", el("input", {
      id: "feather", "data-key": "feather", type: "number", min: 0, max: 1000, step: 1, placeholder: "automatic",
      value: state.settings.feather ?? "",
      onchange: (event) => set("feather", event.target.value === "" ? null : Math.min(Math.max(Math.round(Number(event.target.value)) || 0, 0), 1000)),
    }), "Pixels over which the rim of the region is blended."),
    field("SSA", "ssa", el("input", {
      id: "ssa", "data-key": "ssa", type: "checkbox", checked: state.settings.ssa, onchange: (event) => set("ssa", event.target.checked),
    }), "Smooths structures while they are drawn, and keeps their edges."),
  ];
}

const text = (name) => el("textarea", {
  id: name, "data-key": name, rows: 2, maxLength: 2000, value: state.settings[name],
  onchange: (event) => set(name, event.target.value),
});

const field = (title, id, control, about) => el("div", { class: "field" },
  el("label", { htmlFor: id }, title), control, about ? el("small", {}, about) : null);

function refresh(panel, active) {
  for (const [name, value] of [["seed", state.seed], ...Object.entries(state.settings)]) {
    const control = panel.querySelector(`#${CSS.escape(name)}`);
    if (control && control !== active && control.type !== "checkbox") control.value = value ?? "";
  }
}

function running() {
  const { job } = state;
  if (job) {
    const said = job.wantsCancel ? "stopping after this step" : job.state === "waiting" ? "waiting for the worker"
      : job.steps ? `step ${job.step} of ${job.steps}` : "preparing";
    return [
      el("progress", { max: job.steps || 1, value: job.step, "aria-label": "Progress" }),
      el("div", { class: "row" }, el("span", { class: "quiet", id: "progress-text" }, said),
        el("button", { id: "cancel", class: "stop", "data-key": "cancel", onclick: cancel, title: "Cancel (Esc)" }, "Cancel")),
    ];
  }
  const isOpen = Boolean(state.image && state.before);
  return [
    el("div", { class: "row" }, el("button", {
      id: "generate", class: "main", "data-key": "generate", disabled: !isOpen, onclick: generate, title: "Generate (Ctrl+Enter)",
    }, "Generate")),
    el("div", { class: "row" },
      el("button", { id: "refine", "data-key": "refine", disabled: !isOpen || !state.mask, onclick: refine,
        title: "Draw the brush mask once more, on the result that is shown (Ctrl+Shift+Enter)" }, "Refine mask"),
      el("button", { id: "pair", "data-key": "pair", disabled: !isOpen, onclick: pair,
        title: "The image as it is and as edited, from the same noise, with their difference" }, "Pair"),
      el("button", { id: "clear-mask", "data-key": "clear-mask", disabled: !state.mask, onclick: clearMask, title: "Empty the brush mask" }, "Clear mask")),
  ];
}
