/** The few icons that stand inside the editor, where no component reaches. From Lucide, as all others. */

const SHAPES = {
  page: ["M6 22a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2h8a2.4 2.4 0 0 1 1.704.706l3.588 3.588A2.4 2.4 0 0 1 20 8v12a2 2 0 0 1-2 2z", "M14 2v5a1 1 0 0 0 1 1h5", "M10 9H8", "M16 13H8", "M16 17H8"],
  tag: ["M4 9h16", "M4 15h16", "M10 3 8 21", "M16 3l-2 18"],
  new: ["M5 12h14", "M12 5v14"],
  picture: ["M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z", "M7 9a2 2 0 1 0 4 0 2 2 0 1 0-4 0", "m21 15-3.086-3.086a2 2 0 0 0-2.828 0L6 21"],
} as const;

export type Glyph = keyof typeof SHAPES;

const SVG = "http://www.w3.org/2000/svg";

/** An icon; a word beside it says what it means. */
export function glyph(name: Glyph): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "i i-s");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const shape of SHAPES[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}
