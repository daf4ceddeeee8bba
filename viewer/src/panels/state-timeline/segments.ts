// Segments of state timelines and status histories.

export interface Segment {
  /** Milliseconds; the end is not part of it. */
  from: number;
  to: number;
  value: number | string | boolean;
  /** Index in the table of times. */
  index: number;
}

type CellValue = number | string | boolean | null | undefined;

/**
 * Each value lasts until the next one, a gap (`null`) or the end of the range. `same` says whether neighbours are one segment
 * (Grafana merges what reads the same). With `spanNulls`, gaps of at most that many milliseconds (or all) are bridged.
 */
export function stateSegments(times: number[], values: CellValue[], end: number, merge: boolean, same: (a: CellValue, b: CellValue) => boolean, spanNulls: boolean | number = false): Segment[] {
  const segments: Segment[] = [];
  let current: Segment | undefined;
  let gapFrom: number | undefined;
  for (let index = 0; index < times.length; index++) {
    const value = values[index];
    const time = times[index]!;
    if (value === undefined) {
      continue;
    }
    if (value === null) {
      if (current && gapFrom === undefined) {
        current.to = time;
        gapFrom = time;
      }
      continue;
    }
    const isBridged = gapFrom === undefined || spanNulls === true || (typeof spanNulls === 'number' && current !== undefined && time - gapFrom <= spanNulls);
    if (current && isBridged) {
      current.to = time;
      if (merge && same(current.value, value)) {
        gapFrom = undefined;
        continue;
      }
    }
    gapFrom = undefined;
    current = { from: time, to: end, value, index };
    segments.push(current);
  }
  if (current && gapFrom === undefined) {
    current.to = Math.max(end, current.from);
  }
  return segments;
}

/** One cell a sample, around its instant, as wide as the step allows. */
export function statusCells(times: number[], values: CellValue[], step: number): Segment[] {
  return times.flatMap((time, index) => {
    const value = values[index];
    return value === null || value === undefined ? [] : [{ from: time - step / 2, to: time + step / 2, value, index }];
  });
}

/** The smallest distance between instants, or the given step. */
export function sampleStep(times: number[], fallback: number): number {
  let step = Infinity;
  for (let index = 1; index < times.length; index++) {
    const distance = times[index]! - times[index - 1]!;
    if (distance > 0) {
      step = Math.min(step, distance);
    }
  }
  return Number.isFinite(step) ? step : fallback;
}

export function segmentAt(segments: Segment[], time: number): Segment | undefined {
  return segments.find((segment) => time >= segment.from && time < segment.to);
}
