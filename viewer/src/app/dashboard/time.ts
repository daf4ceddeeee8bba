// Ranges of time as the picker and the URL write them: `now-1h`, `now/d`, a date and time, or milliseconds.
import { dateMath, dateTime, dateTimeForTimeZone, dateTimeFormat, rangeUtil, type TimeRange } from '@grafana/data';

export interface RawRange {
  from: string;
  to: string;
}

export interface QuickRange extends RawRange {
  display: string;
}

export const quickRanges: QuickRange[] = [
  { from: 'now-5m', to: 'now', display: 'Last 5 minutes' },
  { from: 'now-15m', to: 'now', display: 'Last 15 minutes' },
  { from: 'now-30m', to: 'now', display: 'Last 30 minutes' },
  { from: 'now-1h', to: 'now', display: 'Last 1 hour' },
  { from: 'now-3h', to: 'now', display: 'Last 3 hours' },
  { from: 'now-6h', to: 'now', display: 'Last 6 hours' },
  { from: 'now-12h', to: 'now', display: 'Last 12 hours' },
  { from: 'now-24h', to: 'now', display: 'Last 24 hours' },
  { from: 'now-2d', to: 'now', display: 'Last 2 days' },
  { from: 'now-7d', to: 'now', display: 'Last 7 days' },
  { from: 'now-30d', to: 'now', display: 'Last 30 days' },
  { from: 'now-90d', to: 'now', display: 'Last 90 days' },
  { from: 'now/d', to: 'now', display: 'Today so far' },
  { from: 'now-1d/d', to: 'now-1d/d', display: 'Yesterday' },
  { from: 'now/w', to: 'now', display: 'This week so far' },
];

/** One end of a range as a person types it, as the URL writes it; or why it cannot be read. */
export function readTimeInput(text: string, roundUp: boolean, timeZone: string): { value: string } | { error: string } {
  const input = text.trim();
  if (input === '') return { error: 'Enter a time, such as now-1h or 2026-01-31 18:00.' };
  if (input.startsWith('now')) {
    const time = dateMath.isMathString(input) ? dateMath.toDateTime(input, { roundUp, timezone: timeZone }) : undefined;
    return time?.isValid() ? { value: input } : { error: `“${input}” is not a time; relative times look like now-30m, now-2d/d.` };
  }
  if (/^\d{12,14}$/.test(input)) return { value: new Date(Number(input)).toISOString() };
  if (/^\d{9,11}$/.test(input)) return { value: new Date(Number(input) * 1000).toISOString() };
  const clock = /^(\d{1,2}:\d{2}(:\d{2})?)$/.exec(input);
  const dated = clock ? `${dateTimeFormat(Date.now(), { timeZone, format: 'YYYY-MM-DD' })} ${input.padStart(5, '0')}` : input;
  const written = /^(\d{4})-(\d{2})-(\d{2})([ T](\d{2}):(\d{2})(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(dated);
  const time = written ? dateTimeForTimeZone(timeZone, dated) : undefined;
  if (!time?.isValid()) return { error: `“${input}” is not a time; write now-1h, 2026-01-31, 2026-01-31 18:00:00 or 18:00.` };
  const wholeDay = written?.[4] === undefined;
  return { value: (roundUp && wholeDay ? time.endOf('d') : time).toDate().toISOString() };
}

/** Both ends, checked against each other. */
export function readRangeInputs(from: string, to: string, timeZone: string): { range: RawRange } | { fromError?: string; toError?: string } {
  const start = readTimeInput(from, false, timeZone);
  const end = readTimeInput(to, true, timeZone);
  if ('error' in start || 'error' in end) {
    return { ...('error' in start && { fromError: start.error }), ...('error' in end && { toError: end.error }) };
  }
  const raw = { from: start.value, to: end.value };
  const [first, last] = [toDateTime(raw.from, false, timeZone), toDateTime(raw.to, true, timeZone)];
  if (first && last && first.valueOf() >= last.valueOf()) return { toError: 'The end must be after the start.' };
  return { range: raw };
}

/** What is shown where an address has no range that can be read. */
const fallbackRange: RawRange = { from: 'now-1h', to: 'now' };

export function toTimeRange(raw: RawRange, timeZone: string): TimeRange {
  const from = toDateTime(raw.from, false, timeZone);
  const to = toDateTime(raw.to, true, timeZone);
  // An address may say anything; half of a range means nothing.
  if (!from || !to || from.valueOf() >= to.valueOf()) return toTimeRange(fallbackRange, timeZone);
  return { from, to, raw: { from: isRelative(raw.from) ? raw.from : from, to: isRelative(raw.to) ? raw.to : to } };
}

function toDateTime(text: string, roundUp: boolean, timeZone: string) {
  if (isRelative(text)) {
    const time = dateMath.toDateTime(text, { roundUp, timezone: timeZone });
    return time?.isValid() ? time : undefined;
  }
  const time = /^\d+$/.test(text) ? dateTime(Number(text)) : dateTimeForTimeZone(timeZone, text);
  return time.isValid() ? time : undefined;
}

export function isRelative(text: string): boolean {
  return text.startsWith('now');
}

/** `Last 30 minutes`, or both ends in the chosen time zone. */
export function describeRange(raw: RawRange, timeZone: string, own: QuickRange[] = quickRanges): string {
  const quick = [...own, ...quickRanges].find((range) => range.from === raw.from && range.to === raw.to);
  if (quick) return quick.display;
  const { raw: parsed } = toTimeRange(raw, timeZone);
  return rangeUtil.describeTimeRange(parsed, timeZone);
}

/** Text for the picker's inputs: relative as it is, absolute in the chosen time zone. */
export function inputText(value: string, timeZone: string): string {
  if (isRelative(value)) return value;
  const time = toDateTime(value, false, timeZone);
  return time ? dateTimeFormat(time, { timeZone, format: 'YYYY-MM-DD HH:mm:ss' }) : value;
}

export interface Span {
  from: number;
  to: number;
}

export function absoluteRange(span: Span): RawRange {
  return { from: new Date(Math.round(span.from)).toISOString(), to: new Date(Math.round(span.to)).toISOString() };
}

/** Half of the range back (-1) or forth (1), not past now. */
export function shiftSpan(span: Span, direction: -1 | 1, now: number): Span {
  const length = span.to - span.from;
  const by = (length / 2) * direction;
  const to = direction > 0 ? Math.max(span.to, Math.min(span.to + by, now)) : span.to + by;
  return { from: to - length, to };
}

/** Twice as long around the middle, not past now. */
export function zoomOutSpan(span: Span, now: number): Span {
  const length = span.to - span.from || 30_000;
  const to = Math.max(span.to, Math.min(span.to + length / 2, now));
  return { from: to - length * 2, to };
}

/** Half as long around the middle. */
export function zoomInSpan(span: Span): Span {
  const quarter = (span.to - span.from) / 4;
  return { from: span.from + quarter, to: span.to - quarter };
}

const shortestRefresh = 5000;
const longestRefresh = 86_400_000;

/** `15s` in milliseconds, from 5 s to a day; undefined for `off` and what is no interval. */
export function intervalMilliseconds(text: string | false | undefined): number | undefined {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text || '');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? ''];
  if (!match || !unit || Number(match[1]) === 0) return undefined;
  // A link may say what it likes; a timer of more than 24 days would go off at once.
  return Math.min(Math.max(Number(match[1]) * unit, shortestRefresh), longestRefresh);
}
