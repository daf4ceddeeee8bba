// Everything a panel needs to be drawn: its queries answered, transformed, and with its field options applied.
import type { DataFrame, InterpolateFunction } from '@grafana/data';
import type { Panel, Target } from '../dashboard';
import type { Away, PanelData, QueryContext, QueryTrace } from './contract';
import { applyFieldOptions, unsupportedFieldOptions } from './field-options';
import type { SendRequest } from './http/request';
import { createInterpolation } from './interpolation';
import { computeIntervals, type Intervals, type QueryPace } from './intervals';
import { queryLoki } from './loki/query';
import { heatmapFrame, seriesFrames, tableFrame } from './prometheus/frames';
import { queryPrometheus, type QueryEnvironment, type QueryOutcome } from './prometheus/query';
import { resolveSource } from './sources';
import { panelTime } from './time-ranges';
import { transformFrames, unsupportedTransformations } from './transformations';
import { namesIn } from './variables/dependencies';
import { unreadVariable } from './variables/unread';

interface TargetOutcome {
  traces: QueryTrace[];
  unsupported: string[];
  step?: number;
  frames?: DataFrame[];
  results?: QueryOutcome['results'];
}

export async function queryPanel(send: SendRequest, pace: QueryPace, panel: Panel, context: QueryContext): Promise<PanelData> {
  const { dashboard, variables, timeZone, theme, scoped, signal } = context;
  const unsupported = new Set<string>([...unsupportedPanelOptions(panel), ...unsupportedTransformations(panel), ...unsupportedFieldOptions(panel)]);
  const onUnsupported = (what: string): void => void unsupported.add(what);
  const nothing: Intervals = { step: 0, rate: 0 };
  const early = createInterpolation({ dashboard, variables, range: context.range, timeZone, scoped, intervals: nothing });
  const { range, span, invalid } = panelTime(panel, context.range, early);
  for (const what of invalid) unsupported.add(what);
  const maxDataPoints = panel.maxDataPoints || Math.max(1, Math.floor(context.width));
  const panelInterval = early(panel.interval ?? '').trim().replace(/^>\s*/, '') || undefined;
  const interpolation = (intervals: Intervals): InterpolateFunction => createInterpolation({ dashboard, variables, range, timeZone, scoped, intervals, onUnsupported });
  const environment: QueryEnvironment = { range, span, maxDataPoints, panelInterval, ...pace, interpolation, signal };

  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const outcomes = await Promise.all(targets.map((target) => queryTarget(send, panel, target, environment, early, context)));
  for (const outcome of outcomes) for (const what of outcome.unsupported) unsupported.add(what);
  const steps = outcomes.flatMap(({ step }) => (step === undefined ? [] : [step]));
  const intervals = computeIntervals(environment);
  const intervalMs = steps.length > 0 ? Math.min(...steps) : intervals.step;
  const interpolate = interpolation({ ...intervals, step: intervalMs });

  const traces = outcomes.flatMap((outcome) => outcome.traces);
  const transformed = await transformFrames(panel, framesFrom(outcomes), interpolate);
  signal.throwIfAborted();
  const frames = applyFieldOptions(panel, transformed, theme, timeZone, interpolate);
  return { frames, traces, unsupported: [...unsupported], intervalMs, span };
}

async function queryTarget(send: SendRequest, panel: Panel, target: Target, environment: QueryEnvironment, interpolate: InterpolateFunction, context: QueryContext): Promise<TargetOutcome> {
  const source = resolveSource([target.datasource, panel.datasource], interpolate);
  const query = { ...target, refId: target.refId || 'A' };
  if (typeof source === 'object') return refusedTarget(query, `This query asks for ${source.unsupported}, which the viewer cannot query.`, [`${source.unsupported} in query ${query.refId}`]);
  // A query that was never written asks for nothing, as in Grafana.
  if (!query.expr?.trim()) return { traces: [], unsupported: [] };
  const unread = unreadVariable(queryNames(query.expr, context), context.variables);
  if (unread) return refusedTarget(query, `The values of the variable ${unread.definition.name} could not be read.`, [], unread.away);
  return source === 'loki' ? queryLoki(send, query, environment) : queryPrometheus(send, query, environment);
}

/** Names of variables that a query needs; repeated panels and rows bring values of their own. */
function queryNames(expr: string, { variables, scoped = {} }: QueryContext): Set<string> {
  return namesIn(expr, new Set(variables.map(({ definition }) => definition.name).filter((name) => !Object.hasOwn(scoped, name))));
}

function refusedTarget({ refId, expr = '' }: Target, error: string, unsupported: string[], away?: Away): TargetOutcome {
  const trace: QueryTrace = { refId, expression: expr, url: '', status: 0, durationMs: 0, bytes: 0, raw: '', error, ...(away ? { away } : {}), notices: [] };
  return { traces: [trace], unsupported };
}

/** In the order of the queries. Tables know whether there are several of them. */
function framesFrom(outcomes: TargetOutcome[]): DataFrame[] {
  const tables = outcomes.flatMap(({ results = [] }) => results).filter(({ format }) => format === 'table');
  const several = new Set(tables.map(({ source }) => source.refId)).size > 1;
  return outcomes.flatMap(({ frames = [], results = [] }) => [
    ...frames,
    ...results.flatMap(({ source, format, series }) => {
      if (format === 'table') return series.length > 0 ? [tableFrame(series, source, several)] : [];
      if (format === 'heatmap') return heatmapFrame(series, source) ?? seriesFrames(series, source);
      return seriesFrames(series, source);
    }),
  ]);
}

function unsupportedPanelOptions(panel: Panel): string[] {
  const found: string[] = [];
  if (panel.libraryPanel && !panel.targets && panel.type === 'library-panel-ref') found.push('a library panel, which only Grafana has');
  if (panel.timeCompare) found.push('time comparison');
  if (panel.cacheTimeout) found.push('query option cacheTimeout');
  return found;
}
