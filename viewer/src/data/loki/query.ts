// One query of a panel to Loki: lines of logs, or numbers, which Loki answers in Prometheus's form.
import type { DataFrame } from '@grafana/data';
import type { Target } from '../../dashboard';
import type { QueryTrace } from '../contract';
import type { SendRequest } from '../http/request';
import { computeIntervals } from '../intervals';
import { type QueryResult, readSamples } from '../prometheus/answer';
import { seriesFrames } from '../prometheus/frames';
import { type QueryEnvironment, queryFormat, toTrace } from '../prometheus/query';
import { logsFrame, type LogStream } from './frames';

type LokiResult = QueryResult | { resultType: 'streams'; result: LogStream[] };

export interface LokiOutcome {
  traces: QueryTrace[];
  frames: DataFrame[];
  step: number;
  unsupported: string[];
}

/** Lines that a query without a limit asks for: the default of Grafana's Loki datasource. */
const defaultLimit = 1000;

export async function queryLoki(send: SendRequest, target: Target, environment: QueryEnvironment): Promise<LokiOutcome> {
  const { span, signal } = environment;
  const intervals = lokiIntervals(target, environment);
  const interpolate = environment.interpolation(intervals);
  const expression = interpolate(target.expr ?? '', undefined, queryFormat);
  const limit = Number(target.maxLines) || defaultLimit;
  const direction = target.direction ?? 'backward';
  const instant = target.queryType === 'instant' || (target.queryType === undefined && target.instant === true);
  const common: [string, string][] = [['query', expression], ['limit', String(limit)], ['direction', direction]];
  const parameters: [string, string][] = instant
    ? [...common, ['time', nanoseconds(span.to)]]
    : [...common, ['start', nanoseconds(span.from)], ['end', nanoseconds(span.to)], ['step', `${intervals.step / 1000}`]];
  const answer = await send('loki', instant ? 'query' : 'query_range', parameters, signal);
  const unsupported = ['stream', 'scan'].includes(String(target.queryType)) ? [`live tailing of query ${target.refId}`] : [];
  const outcome = { traces: [toTrace(target.refId, expression, answer)], step: intervals.step, unsupported };
  if (answer.error !== undefined || answer.data === undefined) return { ...outcome, frames: [] };
  const data = answer.data as LokiResult;
  if (data.resultType === 'streams') return { ...outcome, frames: [logsFrame(data.result, { refId: target.refId, expression, limit, direction })] };
  const legendFormat = target.legendFormat ? interpolate(target.legendFormat) : '__auto';
  return { ...outcome, frames: seriesFrames(readSamples(data), { refId: target.refId, expression, legendFormat, step: instant ? undefined : intervals.step }) };
}

/** Loki scrapes nothing: the panel alone decides, or the query's own step. */
function lokiIntervals(target: Target, environment: QueryEnvironment): { step: number; rate: number } {
  const own = typeof target.step === 'string' ? environment.interpolation({ step: 0, rate: 0 })(target.step) : undefined;
  const { step } = computeIntervals({ ...environment, scrapeInterval: '1s', minStep: own });
  return { step, rate: Math.max(4 * step, 1000) };
}

/** Loki counts in nanoseconds, which do not fit a number. */
function nanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds)}000000`;
}
