// Speak to the server. The token stands behind the # of the address, and goes along in a header.

const TOKEN = "X-FetalFlex-Token";

function findToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) sessionStorage.setItem("fetalflex-token", given);
  return given ?? sessionStorage.getItem("fetalflex-token") ?? "";
}

const token = findToken();

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(method, path, value) {
  const options = { method, headers: { [TOKEN]: token } };
  if (method !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(value ?? {});
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "the server does not answer; is fetalflex studio still running?");
  }
  if (answer.ok) return answer;
  let message = `the server answered ${answer.status}`;
  try {
    message = (await answer.json()).error ?? message;
  } catch { /* no JSON: the status says enough */ }
  throw new Refused(answer.status, message);
}

export const get = async (path) => (await send("GET", path)).json();
export const post = async (path, value) => (await send("POST", path, value)).json();
export const put = async (path, value) => (await send("PUT", path, value)).json();
export const blob = async (path, value) => (await send(value ? "POST" : "GET", path, value)).blob();

// Call `tell` with each event of a job, until it has ended.
export async function follow(job, tell) {
  const answer = await send("GET", `/api/jobs/${job}/events`);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) tell(JSON.parse(data.slice(6)));
    }
  }
}

// Pictures, each fetched once; the oldest are given up when there are many.
const pictures = new Map();
const MOST_PICTURES = 120;

export function picture(path) {
  if (!pictures.has(path)) {
    pictures.set(path, blob(path).then(async (data) => {
      const image = new Image();
      image.src = URL.createObjectURL(data);
      await image.decode();
      return image;
    }));
    pictures.get(path).catch(() => pictures.delete(path));
    if (pictures.size > MOST_PICTURES) {
      const [oldest, image] = pictures.entries().next().value;
      pictures.delete(oldest);
      image.then((one) => URL.revokeObjectURL(one.src), () => {});
    }
  }
  return pictures.get(path);
}
