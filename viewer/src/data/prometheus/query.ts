// One query of a panel to Prometheus: its step, its requests (range, instant or both), and its frames.
import type { InterpolateFunction, TimeRange } from '@grafana/data';
import type { Target } from '../../dashboard';
import type { TimeSpan } from '../../panels/contract';
import type { QueryTrace } from '../contract';
import type { Answer, SendRequest } from '../http/request';
import { alignToStep, computeIntervals, type Intervals, invalidIntervals, type QueryPace } from '../intervals';
import { escapeForQuery } from '../interpolation/query-escape';
import { type QueryResult, readSamples, type SeriesSamples, unreadable } from './answer';
import type { FrameSource } from './frames';

/** What a panel's queries have in common. */
export interface QueryEnvironment extends QueryPace {
  range: TimeRange;
  span: TimeSpan;
  /** "Max data points" of the panel, else its width. */
  maxDataPoints: number;
  panelInterval?: string | undefined;
  interpolation(intervals: Intervals): InterpolateFunction;
  signal: AbortSignal;
}

export interface QueryOutcome {
  traces: QueryTrace[];
  results: { source: FrameSource; format: Target['format']; series: SeriesSamples[] }[];
  step: number;
  unsupported: string[];
}

/** As the format of `InterpolateFunction` wants it: `variable` says whether several values are possible. */
export function queryFormat(value: string | string[], variable: { multi?: boolean; includeAll?: boolean }): string {
  return escapeForQuery({ value, several: Boolean(variable.multi ?? variable.includeAll) });
}

export async function queryPrometheus(send: SendRequest, target: Target, environment: QueryEnvironment): Promise<QueryOutcome> {
  const { span, range, signal } = environment;
  const minStep = fillMinStep(target.interval, environment);
  const intervals = computeIntervals({ ...environment, minStep, factor: Number(target.intervalFactor) || 1 });
  const expression = environment.interpolation(intervals)(target.expr ?? '', undefined, queryFormat);
  const unsupported = [...invalidIntervals({ panelInterval: environment.panelInterval, minStep }), ...unsupportedOptions(target)].map((what) => `${what} of query ${target.refId}`);
  const aligned = alignToStep(span, intervals.step, range.to.utcOffset());
  const requests = requestsOf(target).map(async (kind) => {
    const parameters: [string, string][] =
      kind === 'instant'
        ? [['query', expression], ['time', seconds(span.to)]]
        : [['query', expression], ['start', seconds(aligned.from)], ['end', seconds(aligned.to)], ['step', seconds(intervals.step)]];
    const answer = await send('prometheus', kind === 'instant' ? 'query' : 'query_range', parameters, signal);
    const source: FrameSource = { refId: target.refId, expression, legendFormat: legend(target, environment, intervals), step: kind === 'range' ? intervals.step : undefined };
    return { answer, source };
  });
  const answers = await Promise.all(requests);
  const results = answers.flatMap(({ answer, source }) => {
    if (answer.error !== undefined || answer.data === undefined) return [];
    const result = answer.data as QueryResult;
    unsupported.push(...unreadable(result).map((what) => `${what} ${target.refId}`));
    return [{ source, format: target.format, series: readSamples(result) }];
  });
  return { traces: answers.map(({ answer }) => toTrace(target.refId, expression, answer)), results, step: intervals.step, unsupported };
}

/** Neither asked for: a range, as in Grafana. */
function requestsOf({ instant, range }: Target): ('range' | 'instant')[] {
  const kinds: ('range' | 'instant')[] = [];
  if (range || !instant) kinds.push('range');
  if (instant) kinds.push('instant');
  return kinds;
}

/** `$__interval` and `$__rate_interval` stay for `computeIntervals`; other variables are filled in. */
function fillMinStep(text: string | undefined, environment: QueryEnvironment): string | undefined {
  if (!text || /^\$\{?__(rate_)?interval\}?$/.test(text)) return text || undefined;
  return environment.interpolation({ step: 0, rate: 0 })(text).trim() || undefined;
}

function legend(target: Target, environment: QueryEnvironment, intervals: Intervals): string | undefined {
  return target.legendFormat ? environment.interpolation(intervals)(target.legendFormat) : target.legendFormat;
}

function unsupportedOptions(target: Target): string[] {
  const found: string[] = [];
  if (target.exemplar) found.push('exemplars');
  const scopes = ['scopes', 'adhocFilters', 'groupByKeys'].filter((name) => Array.isArray(target[name]) && (target[name] as unknown[]).length > 0);
  return [...found, ...scopes];
}

/** As Prometheus reads times and steps: seconds, with milliseconds after the point. */
export function seconds(milliseconds: number): string {
  return String(milliseconds / 1000);
}

export function toTrace(refId: string, expression: string, answer: Answer): QueryTrace {
  const { url, status, durationMs, bytes, raw, notices, error, away } = answer;
  return { refId, expression, url, status, durationMs, bytes, raw, notices, ...(error === undefined ? {} : { error }), ...(away ? { away } : {}) };
}
