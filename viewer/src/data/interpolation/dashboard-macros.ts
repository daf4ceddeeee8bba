// The variables that every dashboard has: time, intervals, its own name, and its state for links.
// Source: Grafana documentation, "Global variables" and "Configure data links" (time range and template variables).
import { getTimeZoneInfo, isDateTime, type RawTimeRange } from '@grafana/data';
import { formatInterval } from '../intervals';
import { formatDate } from './formats';
import type { InterpolationInput, MacroValue } from './index';

type Macro = (input: InterpolationInput, path: string | undefined, format: string | undefined) => MacroValue | undefined;

const plain = (value: string | number): MacroValue => ({ value: String(value), text: String(value), several: false });

const macros: Record<string, Macro> = {
  __interval: ({ intervals }) => plain(formatInterval(intervals.step)),
  __interval_ms: ({ intervals }) => plain(Math.round(intervals.step)),
  __rate_interval: ({ intervals }) => plain(formatInterval(intervals.rate)),
  __rate_interval_ms: ({ intervals }) => plain(Math.round(intervals.rate)),
  // Loki's name for its own choice: the step.
  __auto: ({ intervals }) => plain(formatInterval(intervals.step)),
  __range: (input) => plain(`${Math.round(length(input) / 1000)}s`),
  __range_s: (input) => plain(Math.round(length(input) / 1000)),
  __range_ms: (input) => plain(length(input)),
  __from: (input, _path, format) => time(input, input.range.from.valueOf(), format),
  __to: (input, _path, format) => time(input, input.range.to.valueOf(), format),
  __timezone: ({ timeZone }) => plain(timeZone === 'utc' ? 'utc' : (getTimeZoneInfo(timeZone, Date.now())?.ianaName || timeZone)),
  __dashboard: ({ dashboard }, path) => (path === undefined || path === 'title' || path === 'name' ? plain(dashboard.title) : path === 'uid' ? plain(dashboard.uid) : undefined),
  __url_time_range: ({ range }) => ({ literal: timeParameters(range.raw) }),
  __all_variables: (input) => ({ literal: variableParameters(input) }),
  // What a user types into a list of options; the lists here are whole.
  __searchFilter: () => ({ literal: '.*' }),
};

export function dashboardMacro(input: InterpolationInput, name: string, path: string | undefined, format: string | undefined): MacroValue | undefined {
  return Object.hasOwn(macros, name) ? macros[name]!(input, path, format) : undefined;
}

function length({ range }: InterpolationInput): number {
  return range.to.valueOf() - range.from.valueOf();
}

/** Milliseconds; `date` formats are written here, because the generic ones need the value as a number. */
function time({ timeZone }: InterpolationInput, milliseconds: number, format: string | undefined): MacroValue {
  const [kind, ...rest] = (format ?? '').split(':');
  if (kind === 'date') return { literal: formatDate(milliseconds, rest.length > 0 ? rest.join(':') : undefined, timeZone) };
  return plain(milliseconds);
}

/** `from=now-1h&to=now`, or milliseconds for an absolute range. */
function timeParameters(raw: RawTimeRange): string {
  const text = (end: RawTimeRange['from']): string => encodeURIComponent(isDateTime(end) ? String(end.valueOf()) : end);
  return `from=${text(raw.from)}&to=${text(raw.to)}`;
}

/** `var-job=a&var-job=b&var-instance=%24__all`, with what a repeated panel stands for. */
function variableParameters({ variables, scoped }: InterpolationInput): string {
  return variables
    .filter(({ definition }) => !definition.skipUrlSync && definition.type !== 'constant')
    .flatMap(({ definition, chosen }) => {
      const own = scoped?.[definition.name]?.value;
      const values = own === undefined ? chosen : [own].flat();
      const name = `var-${encodeURIComponent(definition.name)}`;
      return values.length === 0 ? [`${name}=`] : values.map((value) => `${name}=${encodeURIComponent(value)}`);
    })
    .join('&');
}
