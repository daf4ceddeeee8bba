// Lines of logs in the frame that Grafana's logs panel knows: labels, Time, Line, tsNs, id.
import { createDataFrame, type DataFrame, DataFrameType, FieldType, type Labels } from '@grafana/data';

/** One stream: its labels and its lines, nanoseconds since the epoch as text, and with newer versions the line's own metadata. */
export interface LogStream {
  stream: Labels;
  values: [string, string, { structuredMetadata?: Labels; parsed?: Labels }?][];
}

export interface LogSource {
  refId: string;
  expression: string;
  limit: number;
  direction: 'backward' | 'forward';
}

/** All streams in one order of time: newest first, unless the query asks for `forward`. */
export function logsFrame(streams: LogStream[], source: LogSource): DataFrame {
  const lines = streams.flatMap(({ stream, values }) =>
    values.map(([nanoseconds, line, more], index) => ({ labels: more ? { ...stream, ...more.structuredMetadata, ...more.parsed } : stream, nanoseconds, line, index })),
  );
  const sign = source.direction === 'forward' ? 1 : -1;
  lines.sort((a, b) => sign * compareNanoseconds(a.nanoseconds, b.nanoseconds) || a.index - b.index);
  return createDataFrame({
    refId: source.refId,
    meta: {
      type: DataFrameType.LogLines,
      preferredVisualisationType: 'logs',
      limit: source.limit,
      searchWords: searchedWords(source.expression),
      custom: { frameType: 'LabeledTimeValues', limitReached: lines.length >= source.limit },
    },
    fields: [
      { name: 'labels', type: FieldType.other, values: lines.map(({ labels }) => labels), config: {} },
      { name: 'Time', type: FieldType.time, values: lines.map(({ nanoseconds }) => Number(nanoseconds.slice(0, -6))), config: {} },
      { name: 'Line', type: FieldType.string, values: lines.map(({ line }) => line), config: {} },
      { name: 'tsNs', type: FieldType.string, values: lines.map(({ nanoseconds }) => nanoseconds), config: {} },
      { name: 'id', type: FieldType.string, values: lines.map(({ nanoseconds, labels, index }) => `${nanoseconds}_${hash(JSON.stringify(labels))}_${index}`), config: {} },
    ],
  });
}

function compareNanoseconds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** The texts that `|=` looks for, which a logs panel marks. */
function searchedWords(expression: string): string[] {
  return [...expression.matchAll(/\|=\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g)].map((match) => match[2] ?? (match[1] ?? '').replace(/\\(.)/g, '$1')).filter((word) => word !== '');
}

/** FNV-1a, 32 bits: only tells lines of different streams apart. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return (value >>> 0).toString(16);
}
