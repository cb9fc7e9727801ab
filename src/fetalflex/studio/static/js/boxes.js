// What can be done to boxes: pure functions. Coordinates are pixels of the image, angles degrees clockwise.

let last = 0;
export const newUid = () => `b${Date.now().toString(36)}${(++last).toString(36)}`;

export const SMALLEST = 2;

const halfTurn = (angle) => ((((angle + 90) % 180) + 180) % 180) - 90;

// Boxes keep their centre in the image, and a size that can be grasped.
export function tidy(box, image) {
  return {
    cx: Math.min(Math.max(box.cx, 0.5), image.width - 0.5),
    cy: Math.min(Math.max(box.cy, 0.5), image.height - 0.5),
    width: Math.max(box.width, SMALLEST),
    height: Math.max(box.height, SMALLEST),
    angle: halfTurn(box.angle),
  };
}

export const movedBy = (box, dx, dy) => ({ ...box, cx: box.cx + dx, cy: box.cy + dy });
export const resizedBy = (box, dw, dh) => ({ ...box, width: box.width + dw, height: box.height + dh });
export const turnedBy = (box, degrees) => ({ ...box, angle: box.angle + degrees });

export function mirrored(box, middle) {
  return { ...box, cx: 2 * middle - box.cx, angle: -box.angle };
}

// Whether a point lies in a box.
export function holds(box, x, y) {
  const angle = (-box.angle * Math.PI) / 180;
  const dx = x - box.cx, dy = y - box.cy;
  const along = dx * Math.cos(angle) - dy * Math.sin(angle);
  const across = dx * Math.sin(angle) + dy * Math.cos(angle);
  return Math.abs(along) <= box.width / 2 && Math.abs(across) <= box.height / 2;
}

// The usual size of a structure, in the outline or in the image, as the registry gives it.
export function typicalBox(structure, planeOf, structures, image) {
  const outlineName = planeOf.outline;
  const outline = structures.filter((one) => one.name === outlineName)
    .sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height)[0]?.box;
  const [fx, fy] = structure.typical_size;
  if (outlineName && structure.name !== outlineName) {
    if (outline) return { cx: outline.cx, cy: outline.cy, width: fx * outline.width, height: fy * outline.height, angle: outline.angle };
    const [ox, oy] = planeOf.structures.find((one) => one.name === outlineName).typical_size;
    return { cx: image.width / 2, cy: image.height / 2, width: fx * ox * image.width, height: fy * oy * image.height, angle: 0 };
  }
  return { cx: image.width / 2, cy: image.height / 2, width: fx * image.width, height: fy * image.height, angle: 0 };
}

export const layoutOf = (before, structures) => ({
  ...before,
  structures: structures.map(({ name, box }) => ({ name, box })),
});

export const structuresOf = (layout, scores = []) => (layout?.structures ?? []).map((one, index) => ({
  uid: newUid(),
  name: one.name,
  box: { angle: 0, ...one.box },
  locked: false,
  score: scores[index] ?? null,
}));

// Give edited boxes the values of another layout, keeping uid and lock of those that stay, in their order by name.
export function matched(structures, layout) {
  const left = [...structures];
  return layout.structures.map((one) => {
    const index = left.findIndex((old) => old.name === one.name);
    const old = index < 0 ? null : left.splice(index, 1)[0];
    return { uid: old?.uid ?? newUid(), name: one.name, box: { angle: 0, ...one.box }, locked: old?.locked ?? false, score: null };
  });
}

const sameBox = (a, b) => ["cx", "cy", "width", "height", "angle"].every((key) => Math.abs((a[key] ?? 0) - (b[key] ?? 0)) < 1e-3);

// How many boxes differ from the layout that the image shows.
export function countChanges(before, structures) {
  const left = [...(before?.structures ?? [])];
  let changes = 0;
  for (const one of structures) {
    const index = left.findIndex((old) => old.name === one.name && sameBox(old.box, one.box));
    if (index < 0) changes += 1;
    else left.splice(index, 1);
  }
  return Math.max(changes, left.length);
}
