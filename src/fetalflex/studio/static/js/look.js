// Ask the server what is to be said of the edit, a moment after the last change.

import { post } from "./api.js";
import { layoutOf } from "./boxes.js";
import { state, update, watch } from "./store.js";

const PATIENCE_MS = 350;
let timer = null;
let asked = null;

export function startLooking() {
  watch(() => {
    if (!state.image || !state.before) {
      asked = null;
      if (state.look) update({ look: null });
      return;
    }
    const { image, before, structures, region, settings } = state;
    const key = [image, before, structures, region, settings.prompt, settings.negative_prompt];
    if (asked && key.every((value, index) => value === asked[index])) return;
    asked = key;
    clearTimeout(timer);
    timer = setTimeout(() => look(key), PATIENCE_MS);
  });
}

async function look(key) {
  const [image, before, structures, region, prompt, negative] = key;
  try {
    const seen = await post("/api/look", {
      image: image.id, before, layout: layoutOf(before, structures), region, prompts: [prompt, negative],
    });
    if (asked === key) update({ look: seen });
  } catch (error) {
    if (asked === key) update({ look: { doubts: [], notes: [], measures: [], region: null, problem: error.message } });
  }
}
