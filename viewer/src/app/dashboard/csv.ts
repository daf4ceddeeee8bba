// A data frame as CSV (RFC 4180), with values as they came and times in ISO 8601.
import { FieldType, formatLabels, getFieldDisplayName, type DataFrame, type Field } from '@grafana/data';

export function frameToCsv(frame: DataFrame, all: DataFrame[]): string {
  const lines = [columnNames(frame, all).map(csvCell).join(',')];
  for (let row = 0; row < frame.length; row += 1) {
    lines.push(frame.fields.map((field) => csvCell(plainValue(field.type, field.values[row]))).join(','));
  }
  return lines.join('\r\n') + '\r\n';
}

/** Names as the panel shows them, with their labels where two are the same. */
export function columnNames(frame: DataFrame, all: DataFrame[]): string[] {
  const names = frame.fields.map((field) => getFieldDisplayName(field, frame, all));
  return names.map((name, index) => {
    const { labels } = frame.fields[index] as Field;
    return labels && names.indexOf(name) !== names.lastIndexOf(name) ? `${name} ${formatLabels(labels)}` : name;
  });
}

/**
 * All series of a graph over one column of times. Undefined where they are not series: a table, one frame alone, or lines of logs, of which
 * several may have the same time.
 */
export function joinSeries(frames: DataFrame[]): DataFrame | undefined {
  if (frames.length < 2) return undefined;
  const times = new Set<number>();
  for (const { fields, length } of frames) {
    const [time, ...values] = fields;
    if (time?.type !== FieldType.time || values.length === 0 || values.some(({ type }) => type !== FieldType.number)) return undefined;
    if (new Set(time.values).size !== length) return undefined;
    for (const moment of time.values) times.add(moment as number);
  }
  const sorted = [...times].sort((a, b) => a - b);
  const columns = frames.flatMap((frame) => {
    const rows = new Map<unknown, number>((frame.fields[0] as Field).values.map((moment: unknown, row: number) => [moment, row]));
    return frame.fields.slice(1).map((field): Field => ({
      ...field,
      // Worked out among all frames: alone, the joined one would name its fields otherwise.
      config: { ...field.config, displayName: getFieldDisplayName(field, frame, frames) },
      state: null,
      values: sorted.map((moment) => field.values[rows.get(moment) ?? -1] ?? null),
    }));
  });
  return { length: sorted.length, fields: [{ ...(frames[0]?.fields[0] as Field), values: sorted }, ...columns] };
}

export function plainValue(type: FieldType, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (type === FieldType.time && typeof value === 'number') return new Date(value).toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Quoted where needed; a text that a spreadsheet would take for a formula is kept a text. */
export function csvCell(text: string): string {
  const isNumber = text.trim() !== '' && !Number.isNaN(Number(text));
  const safe = /^[=+\-@\t\r\n]/.test(text) && !isNumber ? `'${text}` : text;
  // A spreadsheet may be set to cut at semicolons or tabs as well.
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

/** A name for a downloaded file, from a panel's title. */
export function fileName(title: string, at: Date): string {
  const words = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');
  return `${words || 'panel'}-${at.toISOString().slice(0, 19).replace(/:/g, '')}.csv`;
}
