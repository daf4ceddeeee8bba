// From samples to frames: one for each series, a table, or the buckets of a heatmap.
import { createDataFrame, type DataFrame, DataFrameType, FieldType, type Labels, type QueryResultMeta } from '@grafana/data';
import { seriesName } from '../legend';
import { parseSample, type SeriesSamples } from './answer';

export interface FrameSource {
  refId: string;
  /** With variables filled in: names a series without labels. */
  expression: string;
  legendFormat?: string | undefined;
  /** Milliseconds between points; undefined for an instant query. */
  step?: number | undefined;
}

/** One frame a series: Time and Value, the labels on the value, the step on the time, so that gaps can be seen. */
export function seriesFrames(series: SeriesSamples[], source: FrameSource): DataFrame[] {
  return series.map(({ labels, times, values }) => {
    const name = seriesName(source.legendFormat, labels, source.expression);
    const meta: QueryResultMeta = { type: source.step === undefined ? DataFrameType.NumericMulti : DataFrameType.TimeSeriesMulti };
    const frame = createDataFrame({
      refId: source.refId,
      meta,
      fields: [
        { name: 'Time', type: FieldType.time, values: times, config: source.step === undefined ? {} : { interval: source.step } },
        { name: 'Value', type: FieldType.number, values, labels, config: name === undefined ? {} : { displayNameFromDS: name } },
      ],
    });
    if (name !== undefined) frame.name = name;
    return frame;
  });
}

/** One frame with a row for each sample: Time, the labels in order, and the value. Several tables number their values. */
export function tableFrame(series: SeriesSamples[], source: FrameSource, severalTables: boolean): DataFrame {
  const names = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))].sort();
  const rows = series.flatMap(({ labels, times, values }) => times.map((time, index) => ({ labels, time, value: values[index] })));
  rows.sort((a, b) => a.time - b.time);
  return createDataFrame({
    refId: source.refId,
    meta: { preferredVisualisationType: 'table' },
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(({ time }) => time), config: {} },
      ...names.map((name) => labelColumn(name, rows)),
      { name: severalTables ? `Value #${source.refId}` : 'Value', type: FieldType.number, values: rows.map(({ value }) => value), config: {} },
    ],
  });
}

/** The bounds of histogram buckets are numbers, so that they sort. */
function labelColumn(name: string, rows: { labels: Labels }[]): { name: string; type: FieldType; values: unknown[]; config: object } {
  if (name !== 'le') return { name, type: FieldType.string, values: rows.map(({ labels }) => labels[name] ?? ''), config: { filterable: true } };
  const bounds = rows.map(({ labels }) => (labels[name] === undefined ? null : parseSample(labels[name])));
  return { name, type: FieldType.number, values: bounds, config: { filterable: true } };
}

/**
 * The buckets of one cumulative histogram, from the lowest bound to the highest, each without what the bucket below it
 * counted. Buckets are compared at equal times; one that is missing counts as nothing.
 */
export function heatmapFrame(series: SeriesSamples[], source: FrameSource): DataFrame | undefined {
  const sorted = series.filter(({ labels }) => labels.le !== undefined).sort((a, b) => bound(a.labels) - bound(b.labels));
  if (sorted.length === 0) return undefined;
  const times = [...new Set(sorted.flatMap((one) => one.times))].sort((a, b) => a - b);
  const counts = sorted.map((one) => {
    const at = new Map(one.times.map((time, index) => [time, one.values[index] ?? null]));
    return times.map((time) => at.get(time) ?? null);
  });
  return createDataFrame({
    refId: source.refId,
    meta: { type: DataFrameType.HeatmapRows },
    fields: [
      { name: 'Time', type: FieldType.time, values: times, config: source.step === undefined ? {} : { interval: source.step } },
      ...sorted.map(({ labels }, row) => ({
        name: labels.le ?? '',
        type: FieldType.number,
        labels,
        values: times.map((_, column) => difference(counts, row, column)),
        config: { displayNameFromDS: seriesName(source.legendFormat === '__auto' ? '{{le}}' : source.legendFormat, labels, source.expression) },
      })),
    ],
  });
}

function bound(labels: Labels): number {
  return parseSample(labels.le ?? '');
}

/** Rates of neighbours may be a rounding error apart: never below zero. */
function difference(counts: (number | null)[][], row: number, column: number): number | null {
  const count = counts[row]?.[column] ?? null;
  if (count === null || Number.isNaN(count)) return null;
  const below = row === 0 ? 0 : (counts[row - 1]?.[column] ?? 0);
  return Math.max(0, count - (Number.isNaN(below) ? 0 : below));
}
