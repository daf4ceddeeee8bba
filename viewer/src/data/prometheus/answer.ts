// The shape of Prometheus's answers to queries, which Loki's metric queries share.
// Source: Prometheus documentation, "HTTP API", "Expression query result formats".
import type { Labels } from '@grafana/data';

/** Seconds since the epoch, and the value as text: `1.5`, `NaN`, `+Inf`. */
export type Sample = [number, string];

export interface Series {
  metric: Labels;
  /** Of a matrix. */
  values?: Sample[];
  /** Of a vector. */
  value?: Sample;
  /** Native histograms, which have no single value. */
  histograms?: unknown[];
  histogram?: unknown;
}

export type QueryResult =
  | { resultType: 'matrix'; result: Series[] }
  | { resultType: 'vector'; result: Series[] }
  | { resultType: 'scalar'; result: Sample }
  | { resultType: 'string'; result: Sample };

export interface SeriesSamples {
  labels: Labels;
  /** Milliseconds since the epoch. */
  times: number[];
  values: number[];
}

export function parseSample(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number.parseFloat(text);
}

/** Every series with its samples: a vector and a scalar have one each. A string has none. */
export function readSamples(result: QueryResult): SeriesSamples[] {
  if (result.resultType === 'string') return [];
  if (result.resultType === 'scalar') return [toSamples({}, [result.result])];
  return result.result
    .map(({ metric, values, value }) => toSamples(metric, values ?? (value ? [value] : [])))
    .filter(({ times }) => times.length > 0);
}

function toSamples(labels: Labels, samples: Sample[]): SeriesSamples {
  return { labels, times: samples.map(([time]) => Math.round(time * 1000)), values: samples.map(([, text]) => parseSample(text)) };
}

/** Of what the answer holds, that which `readSamples` leaves out, in words for the reader. */
export function unreadable(result: QueryResult): string[] {
  if (result.resultType === 'string') return ['a string as the result of a query'];
  if (result.resultType === 'scalar') return [];
  return result.result.some(({ histogram, histograms }) => histogram !== undefined || histograms !== undefined) ? ['native histograms as the result of a query'] : [];
}
