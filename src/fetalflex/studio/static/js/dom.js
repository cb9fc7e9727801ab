// Make elements. Text is always text: nothing that comes from a file or a server is read as HTML.

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "colour") element.style.background = value;
    else if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value === true ? "true" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

// Exchange what an element holds; what had the focus has it again, if its counterpart is still there.
export function fill(target, ...children) {
  const focused = target.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const top = target.scrollTop;
  target.replaceChildren(...children.flat(3).filter(Boolean));
  target.scrollTop = top;
  if (focused) target.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// A colour that can be read on black: dark ones are lightened, their hue kept.
export function legible(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const light = 0.3 * parts[0] + 0.59 * parts[1] + 0.11 * parts[2];
  const mix = Math.max(0, (130 - light) / (255 - light));
  return `#${parts.map((part) => Math.round(part + mix * (255 - part)).toString(16).padStart(2, "0")).join("")}`;
}

// A number that people read: at most one decimal.
export const shortNumber = (value) => String(Math.round(value * 10) / 10);
