// Text that fits its box: widths are measured on a canvas, sizes follow from them.

const MEASURED_SIZE = 40;
const SMALLEST_MEASURED = 8;
let context: CanvasRenderingContext2D | null | undefined;

/** The font of the page; canvas text must use the same one as the DOM. */
export function fontFamily(): string {
  return (typeof document === 'undefined' ? '' : getComputedStyle(document.body).fontFamily) || 'system-ui, sans-serif';
}

/** The width in pixels of one line of text. Without a canvas (Node) an average width of a character is assumed. */
export function textWidth(text: string, size: number, weight = 400): number {
  context ??= typeof document === 'undefined' ? null : document.createElement('canvas').getContext('2d');
  if (!context) {
    return text.length * size * 0.55;
  }
  // Glyphs of small text are wider than those of large text scaled down, so that small sizes are measured as they are.
  const measured = size >= SMALLEST_MEASURED && size <= MEASURED_SIZE ? size : MEASURED_SIZE;
  context.font = `${weight} ${measured}px ${fontFamily()}`;
  return (context.measureText(text).width * size) / measured;
}

/** The text, or as much of its beginning as fits `width` pixels, with an ellipsis. */
export function shortened(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) {
    return text;
  }
  let length = text.length - 1;
  while (length > 1 && textWidth(`${text.slice(0, length)}…`, size) > width) {
    length--;
  }
  return `${text.slice(0, length)}…`;
}

/** The largest font size at which a line of text fits `width` x `height`. */
export function fittingFontSize(
  text: string,
  width: number,
  height: number,
  { lineHeight = 1.2, max = Infinity, min = 8, weight = 400 } = {},
): number {
  const perPixel = textWidth(text, 1, weight);
  const byWidth = perPixel > 0 ? (width - 2) / perPixel : Infinity;
  return Math.max(min, Math.floor(Math.min(byWidth, height / lineHeight, max) * 10) / 10);
}
