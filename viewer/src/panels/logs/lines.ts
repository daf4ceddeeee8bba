// From a logs frame to lines with a level, labels and a time.
import { type DataFrame, type Field, FieldType } from '@grafana/data';

export type Level = 'critical' | 'error' | 'warning' | 'info' | 'debug' | 'trace' | 'unknown';

export interface LogLine {
  /** Milliseconds since the epoch. */
  time: number;
  /** Nanoseconds since the epoch as text, where the source has them: the order within a millisecond. */
  nanoseconds: string;
  body: string;
  labels: Record<string, string>;
  level: Level;
}

const LEVELS: Record<string, Level> = {
  critical: 'critical', crit: 'critical', fatal: 'critical', alert: 'critical', emerg: 'critical', emergency: 'critical', panic: 'critical',
  error: 'error', err: 'error', eror: 'error',
  warning: 'warning', warn: 'warning',
  info: 'info', information: 'info', informational: 'info', notice: 'info',
  debug: 'debug', dbug: 'debug',
  trace: 'trace', trc: 'trace',
};
const LEVEL_LABELS = ['level', 'detected_level', 'severity', 'lvl', 'loglevel', 'severity_text'];

/** A level by its name in any common spelling; `undefined` for other words. */
export function levelNamed(name: string | undefined): Level | undefined {
  return name === undefined ? undefined : LEVELS[name.toLowerCase()];
}

/** From the labels, or else from a `level` in the line (JSON or logfmt), or else from its first words. */
export function levelOf(labels: Record<string, string>, body: string): Level {
  for (const label of LEVEL_LABELS) {
    const level = levelNamed(labels[label]);
    if (level) {
      return level;
    }
  }
  const field = /["']?\b(?:level|severity|lvl)["']?\s*[=:]\s*["']?([a-z]+)/i.exec(body);
  const word = /\b(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG|TRACE)\b/.exec(body.slice(0, 120));
  return levelNamed(field?.[1]) ?? levelNamed(word?.[1]) ?? 'unknown';
}

export function logLines(frames: DataFrame[]): LogLine[] {
  return frames.flatMap(frameLines);
}

function frameLines(frame: DataFrame): LogLine[] {
  const time = frame.fields.find((field) => field.type === FieldType.time);
  const body = frame.fields.find((field) => field.type === FieldType.string && ['Line', 'line', 'body', 'Body', 'message'].includes(field.name)) ?? frame.fields.find((field) => field.type === FieldType.string && !isTimestampText(field));
  if (!time || !body) {
    return [];
  }
  const labels = frame.fields.find((field) => field.name === 'labels' || field.name === 'attributes') ?? frame.fields.find((field) => field.type === FieldType.other);
  const nanoseconds = frame.fields.find(isTimestampText);
  const severity = frame.fields.find((field) => field.name === 'severity' || field.name === 'level');
  return Array.from({ length: frame.length }, (_, row) => {
    const text = String(body.values[row] ?? '');
    const own = asLabels(labels?.values[row]) ?? body.labels ?? {};
    const milliseconds = Number(time.values[row]);
    return {
      time: milliseconds,
      nanoseconds: nanoseconds ? String(nanoseconds.values[row]) : String(BigInt(Math.trunc(milliseconds)) * 1_000_000n),
      body: text,
      labels: own,
      level: levelNamed(severity ? String(severity.values[row]) : undefined) ?? levelOf(own, text),
    };
  });
}

function isTimestampText(field: Field): boolean {
  return field.name === 'tsNs' || field.name === 'nanoseconds';
}

function asLabels(value: unknown): Record<string, string> | undefined {
  if (value === null || typeof value !== 'object') {
    return undefined;
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, typeof inner === 'string' ? inner : JSON.stringify(inner)]));
}

/** Newest first, or oldest first with `Ascending`; lines of one millisecond in the order of their nanoseconds. */
export function sortLines(lines: LogLine[], order: 'Ascending' | 'Descending'): LogLine[] {
  const sign = order === 'Ascending' ? 1 : -1;
  return lines
    .map((line, index) => ({ line, index }))
    .sort((a, b) => sign * (a.line.time - b.line.time || compareText(a.line.nanoseconds, b.line.nanoseconds)) || a.index - b.index)
    .map(({ line }) => line);
}

function compareText(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}

/** Labels that all lines have with the same value. */
export function commonLabels(lines: LogLine[]): Record<string, string> {
  const [first, ...rest] = lines;
  return Object.fromEntries(Object.entries(first?.labels ?? {}).filter(([name, value]) => rest.every((line) => line.labels[name] === value)));
}

/** JSON over several lines; any other text as it is. */
export function prettyBody(body: string): string {
  try {
    const value: unknown = JSON.parse(body);
    return value !== null && typeof value === 'object' ? JSON.stringify(value, null, 2) : body;
  } catch {
    return body;
  }
}
