// Angles and paths of a pie. Radians, clockwise from twelve o'clock.
import { ringPath } from '../gauge/arc';

export interface Slice<T> {
  item: T;
  from: number;
  to: number;
  /** Of the whole, 0 to 1. */
  share: number;
}

/** Values that are not positive have no slice. */
export function pieSlices<T>(items: T[], valueOf: (item: T) => number): Slice<T>[] {
  const positive = items.filter((item) => valueOf(item) > 0);
  const total = positive.reduce((sum, item) => sum + valueOf(item), 0);
  let angle = 0;
  return positive.map((item) => {
    const share = valueOf(item) / total;
    const slice = { item, from: angle, to: angle + share * 2 * Math.PI, share };
    angle = slice.to;
    return slice;
  });
}

/** A full circle is drawn as two halves: an arc from a point to itself would draw nothing. */
export function slicePath(x: number, y: number, inner: number, outer: number, from: number, to: number): string {
  const start = from - Math.PI / 2;
  const end = to - Math.PI / 2;
  if (to - from < 2 * Math.PI - 1e-9) {
    return ringPath(x, y, inner, outer, start, end);
  }
  const middle = start + Math.PI;
  return ringPath(x, y, inner, outer, start, middle) + ringPath(x, y, inner, outer, middle, end);
}
