// From bucket series to the cells of a heatmap.
import { type DataFrame, type Field, FieldType, getFieldDisplayName } from '@grafana/data';

export interface HeatmapRow {
  /** The bucket's name as queried, such as `0.25` or `+Inf`. */
  name: string;
  /** Upper bound; `undefined` where the name is no number. */
  upper: number | undefined;
  lower: number | undefined;
  values: (number | null)[];
}

export interface HeatmapGrid {
  /** Ends of the time steps, milliseconds ascending. */
  times: number[];
  /** Milliseconds a column covers. */
  step: number;
  /** From the lowest bucket to the highest. */
  rows: HeatmapRow[];
}

/**
 * One row a number field, over the frames' common instants. Rows whose names are all numbers (the label `le`) are ordered by them;
 * counts are those of the buckets themselves, as the query format "heatmap" gives them.
 */
export function heatmapGrid(frames: DataFrame[], step: number): HeatmapGrid | undefined {
  const sources: { name: string; field: Field; times: number[] }[] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    for (const field of frame.fields) {
      if (time && field.type === FieldType.number && frame.length > 0 && !field.config.custom?.hideFrom?.viz) {
        sources.push({ name: field.labels?.le ?? getFieldDisplayName(field, frame, frames), field, times: time.values });
      }
    }
  }
  if (sources.length === 0) {
    return undefined;
  }
  const times = [...new Set(sources.flatMap((source) => source.times))].sort((a, b) => a - b);
  const column = new Map(times.map((time, index) => [time, index]));
  const rows = sources.map(({ name, field, times: own }): HeatmapRow => {
    const values = new Array<number | null>(times.length).fill(null);
    own.forEach((time, index) => {
      const value: unknown = field.values[index];
      values[column.get(time)!] = typeof value === 'number' && Number.isFinite(value) ? value : null;
    });
    return { name, upper: bound(name), lower: undefined, values };
  });
  if (rows.every((row) => row.upper !== undefined)) {
    rows.sort((a, b) => a.upper! - b.upper!);
    rows.forEach((row, index) => {
      row.lower = index === 0 ? undefined : rows[index - 1]!.upper;
    });
  }
  return { times, step, rows };
}

function bound(name: string): number | undefined {
  if (name === '+Inf' || name === 'Inf' || name === '∞') {
    return Infinity;
  }
  const value = name.trim() === '' ? Number.NaN : Number(name);
  return Number.isNaN(value) ? undefined : value;
}

export interface CellFilter {
  /** Cells of at most this value are not drawn. */
  le?: number;
  /** Cells of at least this value are not drawn. */
  ge?: number;
}

export function isShown(value: number | null, filter: CellFilter | undefined): value is number {
  return value !== null && !(filter?.le !== undefined && filter.le !== null && value <= filter.le) && !(filter?.ge !== undefined && filter.ge !== null && value >= filter.ge);
}

/** Smallest and largest of the shown values. */
export function valueRange(grid: HeatmapGrid, filter: CellFilter | undefined): { min: number; max: number } | undefined {
  let min = Infinity;
  let max = -Infinity;
  for (const row of grid.rows) {
    for (const value of row.values) {
      if (isShown(value, filter)) {
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
    }
  }
  return max >= min ? { min, max } : undefined;
}

/** Empty buckets above and below those with values are cut, so that what happened fills the panel. At least one bucket is left around it. */
export function withoutEmptyEnds(grid: HeatmapGrid, filter: CellFilter | undefined): HeatmapGrid {
  const isUsed = grid.rows.map((row) => row.values.some((value) => isShown(value, filter)));
  const first = isUsed.indexOf(true);
  if (first < 0) {
    return grid;
  }
  const last = isUsed.lastIndexOf(true);
  return { ...grid, rows: grid.rows.slice(Math.max(0, first - 1), last + 2) };
}
