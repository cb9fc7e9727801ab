// Speak to the server: every request carries the reader's token, which stands behind the # of the link.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, "X-FetalFlex-Token": token } });
  } catch {
    throw new Refused(0, "The server does not answer.");
  }
  if (answer.ok) return answer;
  let message = answer.statusText;
  try {
    message = (await answer.json()).error;
  } catch {
    // what is not ours says nothing more
  }
  throw new Refused(answer.status, message);
}

export const hasToken = token !== "";

export async function readerState() {
  return (await send("/api/reader")).json();
}

export async function item(position) {
  return (await send(`/api/items/${position}`)).json();
}

export async function imageOf(position) {
  return (await send(`/api/items/${position}/image`)).blob();
}

export async function keep(position, answers, seen, seconds) {
  const body = JSON.stringify({ answers, seen, seconds });
  const headers = { "Content-Type": "application/json" };
  return (await send(`/api/items/${position}`, { method: "POST", headers, body })).json();
}
