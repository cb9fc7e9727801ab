// One image after the other; what was said of it is kept by the server before the next one shows.

import { Refused, hasToken, imageOf, item, keep, readerState } from "./api.js";
import { Questions } from "./questions.js";

const at = (id) => document.getElementById(id);

let questions;
let state; // what the server said last: total, next, seen
let position = 0;
let shownSince = 0;
let isBusy = false;

function say(problem) {
  at("problem").textContent = problem ?? "";
  at("problem").hidden = !problem;
}

function paragraphs(...texts) {
  at("notice-text").replaceChildren(
    ...texts.map((text) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = text;
      return paragraph;
    }),
  );
}

function notice(title, texts, button, action) {
  at("notice-title").textContent = title;
  paragraphs(...texts);
  at("notice").hidden = false;
  at("reading").hidden = true;
  at("pause").hidden = true;
  at("go").hidden = !button;
  at("go").textContent = button ?? "";
  at("go").onclick = action ?? null;
  if (button) at("go").focus();
}

function progress() {
  const done = Math.min(state.next, state.total);
  at("progress").max = state.total;
  at("progress").value = done;
  const isReading = !at("reading").hidden;
  at("where").textContent = isReading ? `Image ${position + 1} of ${state.total}` : `${done} of ${state.total} rated`;
}

function keys() {
  return (
    `Keys: 1 to ${state.questions.points} rate the marked row, and the next row is marked; ↑ and ↓ mark another row; ` +
    "Enter saves and shows the next image; ← or Backspace goes back one image. Tapping works as well."
  );
}

function welcome() {
  const begun = state.next > 0;
  const greeting = begun ? [`You have rated ${state.next} of ${state.total} images.`] : [];
  const texts = [...greeting, state.questions.instructions, keys()];
  notice(begun ? "Welcome back" : "Welcome", texts, begun ? "Go on" : "Begin", () => show(state.next));
  progress();
}

function farewell() {
  notice(
    "Thank you",
    [`You have rated all ${state.total} images, and your answers are kept. You may close this window.`],
    "Look at the last image again",
    () => show(state.total - 1),
  );
  progress();
}

function pause() {
  notice(
    "Paused",
    [
      "Your answers to the images before this one are kept. You may close this window and go on another day, " +
        "from the same link.",
    ],
    "Go on",
    () => show(position),
  );
  progress();
}

async function whileBusy(action) {
  if (isBusy) return;
  isBusy = true;
  document.body.classList.add("busy");
  try {
    await action();
  } finally {
    isBusy = false;
    document.body.classList.remove("busy");
  }
}

async function show(place) {
  if (place >= state.total) return farewell();
  await whileBusy(async () => {
    try {
      const [told, picture] = await Promise.all([item(place), imageOf(place)]);
      state = { ...state, ...told };
      await showPicture(picture);
      position = place;
      at("notice").hidden = true;
      at("reading").hidden = false;
      at("pause").hidden = false;
      at("back").disabled = position === 0;
      questions.show(told.answers);
      markComplete();
      progress();
      say(null);
      document.activeElement?.blur();
      shownSince = performance.now();
    } catch (error) {
      say(`${sentence(error)} Try again.`);
    }
  });
}

async function showPicture(blob) {
  const before = at("image").src;
  at("image").src = URL.createObjectURL(blob);
  await at("image").decode();
  if (before) URL.revokeObjectURL(before);
}

function markComplete() {
  at("next").classList.toggle("ready", questions.missing < 0);
}

function sentence(error) {
  const text = error instanceof Refused ? error.message : String(error);
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

async function save() {
  if (questions.missing >= 0) {
    say(`Not rated yet: ${questions.list[questions.missing].title}`);
    questions.select(questions.missing);
    return;
  }
  let following = null;
  await whileBusy(async () => {
    const seconds = (performance.now() - shownSince) / 1000;
    try {
      state = { ...state, ...(await keep(position, questions.answers, state.seen, seconds)) };
      following = position + 1;
      say(null);
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        state = { ...state, ...(await readerState()) };
        following = state.next;
        say(sentence(error));
      } else {
        say(`${sentence(error)} Your ratings of this image are still here: press Enter to save them again.`);
      }
    }
  });
  if (following !== null) {
    const told = at("problem").textContent;
    await show(following);
    if (told) say(told);
  }
}

function back() {
  if (position > 0) show(position - 1);
}

function onKey(event) {
  if (at("reading").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const actions = {
    ArrowUp: () => questions.move(-1),
    ArrowDown: () => questions.move(1),
    ArrowLeft: back,
    Backspace: back,
  };
  if (/^[1-9]$/.test(event.key)) {
    if (!isBusy && questions.press(Number(event.key))) event.preventDefault();
  } else if (event.key in actions) {
    event.preventDefault();
    actions[event.key]();
  } else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) {
    event.preventDefault();
    if (!event.repeat) save();
  }
}

async function start() {
  if (!hasToken) {
    return notice("Which reader are you?", ["Open the whole link that you were given, up to its last letter."]);
  }
  try {
    state = await readerState();
  } catch (error) {
    const isUnknown = error.status === 401;
    const told = isUnknown ? "This link is none of this study's. Open the whole link that you were given." : sentence(error);
    return notice("The study does not open", [told], "Try again", start);
  }
  document.title = state.questions.title;
  at("title").textContent = state.questions.title;
  at("who").textContent = state.reader;
  questions = new Questions(at("questions"), state.questions, () => {
    markComplete();
    say(null);
  });
  if (state.next >= state.total) farewell();
  else welcome();
}

at("next").addEventListener("click", save);
at("back").addEventListener("click", back);
at("pause").addEventListener("click", pause);
addEventListener("keydown", onKey);
addEventListener("hashchange", () => location.reload()); // another reader's link in the same window
start();
