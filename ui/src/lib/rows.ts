/** Which rows of a long list are to be drawn, and which stretches of it to be asked for. */

export interface Span {
  /** The first row. */
  from: number;
  /** The row after the last one. */
  to: number;
}

/** The rows in view, and a few around them. Lengths in pixels. */
export function rowsInView(scrolled: number, height: number, rowHeight: number, total: number, around = 8): Span {
  const from = Math.max(0, Math.floor(scrolled / rowHeight) - around);
  const to = Math.min(total, Math.ceil((scrolled + height) / rowHeight) + around);
  return { from: Math.min(from, to), to };
}

/** The numbers of the chunks that hold these rows. */
export function chunksOf(span: Span, size: number): number[] {
  if (span.to <= span.from) return [];
  const [first, last] = [Math.floor(span.from / size), Math.floor((span.to - 1) / size)];
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
