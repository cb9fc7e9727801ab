// Ask for syntheses, follow them, cancel them.

import { follow, post } from "./api.js";
import { layoutOf, structuresOf } from "./boxes.js";
import { maskAsPng } from "./mask.js";
import { commit, result, state, tell, update } from "./store.js";
import { chooseVariant } from "./dialog-variants.js";

const client = crypto.randomUUID ? crypto.randomUUID() : `page-${Math.floor(Math.random() * 2 ** 52).toString(36)}`;
export const LARGEST_SEED = 2 ** 53 - 1;

export const rollDie = () => update({ seed: Math.floor(Math.random() * 1_000_000_000) });

const seeds = () => Array.from({ length: state.variants }, (_, i) => (state.seed + i) % LARGEST_SEED);

function isReady(needsLayout = true) {
  if (!state.image) tell("open an image first", "warning");
  else if (state.job) tell("something is being computed already; wait for it, or cancel it", "warning");
  else if (needsLayout && !state.before) tell("choose a plane first, or let the detector find plane and boxes", "warning");
  else return true;
  return false;
}

export async function generate() {
  if (!isReady()) return;
  if (state.useMask && !state.mask) {
    tell("the brush mask is empty; paint over what is to be drawn anew, or choose another region", "warning");
    return;
  }
  const mask = state.useMask ? await maskAsPng(state.mask, state.image) : null;
  await run({
    kind: "generate", image: state.image.id, before: state.before, layout: layoutOf(state.before, state.structures),
    region: state.region, mask, seeds: seeds(), settings: state.settings,
  });
}

// Work out the mask once more: on the result that is shown, or on the image itself.
export async function refine() {
  if (!isReady()) return;
  if (!state.mask) {
    tell("paint the part to refine with the brush first, or mark the selected boxes", "warning");
    return;
  }
  const shown = result(state.shown);
  const mask = await maskAsPng(state.mask, state.image);
  const draft = shown ? await post(`/api/results/${shown.id}/open`) : state.image;
  const layout = shown ? shown.layout : layoutOf(state.before, state.structures);
  const strength = state.settings.strength < 1 ? state.settings.strength : 0.6;
  await run({ kind: "refine", image: draft.id, layout, mask, seeds: seeds(), settings: { ...state.settings, strength } });
}

export async function pair() {
  if (!isReady()) return;
  await run({
    kind: "pair", image: state.image.id, before: state.before, layout: layoutOf(state.before, state.structures),
    seed: state.seed, settings: { ...state.settings, strength: 1 },
  });
}

export async function detect() {
  if (!isReady(false)) return;
  const job = await run({ kind: "detect", image: state.image.id, plane: state.before?.structures.length ? state.before.plane : null });
  if (job?.state !== "done") return;
  const { layout, scores, doubts, plane_score: planeScore } = job.answer;
  const spacing = state.before?.pixel_spacing_mm;
  const before = spacing ? { ...layout, pixel_spacing_mm: spacing } : layout;
  commit({ before, structures: structuresOf(layout, scores), shown: null }, { selection: [] });
  tell(`the detector proposes ${layout.structures.length} boxes (plane ${planeScore.toFixed(2)}); correct them, then take ` +
    `them as what the image shows${doubts.length ? `. Doubtful: ${doubts.join(", ")}` : ""}`, doubts.length ? "warning" : "info");
}

async function run(message) {
  let job = null;
  update({ job: { state: "waiting", kind: message.kind, step: 0, steps: 0, preview: null } });
  try {
    job = await post("/api/jobs", { client, ...message });
    update({ job: { ...state.job, ...job } });
    if (state.job.wantsCancel) await post(`/api/jobs/${job.job}/cancel`);
    let known = 0;
    await follow(job.job, (news) => {
      job = news;
      const fresh = news.results.slice(known);
      known = news.results.length;
      update({
        job: { ...state.job, ...news, preview: news.preview ?? state.job?.preview ?? null },
        results: fresh.length ? [...state.results, ...fresh] : state.results,
      });
    });
  } catch (error) {
    tell(error.message, "bad");
  }
  update({ job: null });
  if (!job) return null;
  if (job.state === "failed") tell(job.error, "bad");
  if (job.state === "cancelled") tell("cancelled");
  if (job.results.length) show(job);
  return job;
}

function show(job) {
  const { results } = job;
  const layout = results.at(-1);
  if (results.length > 1 && layout.kind !== "pair") chooseVariant(results);
  else commit({ shown: results.at(-1).id }, { wipe: 0 });
}

export async function cancel() {
  if (!state.job) return;
  update({ job: { ...state.job, wantsCancel: true } });
  if (state.job.job) {
    try {
      await post(`/api/jobs/${state.job.job}/cancel`);
    } catch (error) {
      tell(error.message, "bad");
    }
  }
}
