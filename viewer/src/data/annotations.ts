// Marks over graphs from queries to Prometheus: an instant for a value, a region for values that follow each other.
// Source: Grafana documentation, "Annotate visualizations" and "Prometheus annotations".
import type { Annotation } from '../dashboard';
import type { AnnotationMark } from '../panels/contract';
import type { QueryContext } from './contract';
import type { SendRequest } from './http/request';
import { createInterpolation } from './interpolation';
import { alignToStep, computeIntervals, type Intervals, type QueryPace } from './intervals';
import { fillLegend } from './legend';
import { type QueryResult, readSamples, type SeriesSamples } from './prometheus/answer';
import { queryFormat, seconds } from './prometheus/query';
import { resolveSource } from './sources';
import { namesIn } from './variables/dependencies';
import { unreadVariable } from './variables/unread';

/** How far apart values may be and still be one region, where the annotation does not say. */
const defaultStep = '60s';

export async function queryAnnotations(send: SendRequest, pace: QueryPace, context: QueryContext): Promise<{ marks: AnnotationMark[]; errors: string[] }> {
  const annotations = (context.dashboard.annotations?.list ?? []).filter((annotation) => annotation.enable !== false && !isBuiltIn(annotation));
  const answers = await Promise.all(annotations.map((annotation) => queryOne(send, pace, annotation, context)));
  const marks = answers.flatMap((answer) => answer.marks).sort((a, b) => a.time - b.time);
  return { marks, errors: answers.flatMap((answer) => answer.errors) };
}

/** Annotations that users write in Grafana's own database: every dashboard lists them, and here there are none. */
function isBuiltIn(annotation: Annotation): boolean {
  return Boolean(annotation.builtIn) && annotation.type === 'dashboard';
}

async function queryOne(send: SendRequest, pace: QueryPace, annotation: Annotation, context: QueryContext): Promise<{ marks: AnnotationMark[]; errors: string[] }> {
  const { dashboard, variables, range, timeZone, scoped, theme, signal, width } = context;
  const failed = (what: string) => ({ marks: [], errors: [`Annotation "${annotation.name}": ${what}`] });
  const interpolation = (intervals: Intervals) => createInterpolation({ dashboard, variables, range, timeZone, scoped, intervals });
  const source = resolveSource([annotation.datasource], interpolation({ step: 0, rate: 0 }));
  if (typeof source === 'object') return failed(`it asks for ${source.unsupported}, which the viewer cannot query.`);
  if (source === 'loki') return failed('it asks Loki; the viewer draws annotations from Prometheus only.');
  const errors = unsupportedParts(annotation).map((what) => `Annotation "${annotation.name}": the viewer does not do ${what}.`);
  const expr = annotation.expr ?? (annotation.target as { expr?: string } | undefined)?.expr;
  if (!expr) return failed('it has no query.');
  const unread = unreadVariable(namesIn(expr, new Set(variables.map(({ definition }) => definition.name))), variables);
  if (unread) return failed(`the values of the variable ${unread.definition.name} could not be read.`);

  const span = { from: range.from.valueOf(), to: range.to.valueOf() };
  const intervals = computeIntervals({ span, maxDataPoints: Math.max(100, width), ...pace, minStep: annotation.step || defaultStep });
  const aligned = alignToStep(span, intervals.step, range.to.utcOffset());
  const expression = interpolation(intervals)(expr, undefined, queryFormat);
  const parameters: [string, string][] = [['query', expression], ['start', seconds(aligned.from)], ['end', seconds(aligned.to)], ['step', seconds(intervals.step)]];
  const answer = await send('prometheus', 'query_range', parameters, signal);
  if (answer.error !== undefined) return failed(answer.error);
  const color = theme.visualization.getColorByName(annotation.iconColor ?? 'red');
  const marks = readSamples(answer.data as QueryResult).flatMap((series) => marksOf(series, annotation, intervals.step, color));
  return { marks: marks.filter(({ time, timeEnd = time }) => timeEnd >= span.from && time <= span.to), errors };
}

/** Values above zero, joined where they are at most a step apart. With `useValueForTime` the value is the time, in milliseconds. */
function marksOf({ labels, times, values }: SeriesSamples, annotation: Annotation, step: number, color: string): AnnotationMark[] {
  const byValue = annotation.useValueForTime === true || annotation.useValueForTime === 'on';
  const events = byValue ? values.filter(Number.isFinite).map(Math.floor) : times.filter((_, index) => (values[index] ?? 0) > 0);
  const tagKeys = (annotation.tagKeys ?? '').split(',').map((key) => key.trim());
  const tags = tagKeys.flatMap((key) => labels[key] ?? []);
  const title = fillLegend(annotation.titleFormat || '{{alertname}}', labels) || annotation.name;
  const text = fillLegend(annotation.textFormat ?? '', labels);
  const marks: AnnotationMark[] = [];
  for (const time of events.sort((a, b) => a - b)) {
    const last = marks[marks.length - 1];
    if (last && (last.timeEnd ?? last.time) + step >= time) {
      if (time > last.time) last.timeEnd = time;
    } else {
      marks.push({ time, title, text, tags, color });
    }
  }
  return marks;
}

function unsupportedParts(annotation: Annotation): string[] {
  const found: string[] = [];
  const filter = annotation.filter as { ids?: unknown[] } | undefined;
  if (filter?.ids?.length) found.push('showing an annotation on some panels only');
  if (annotation.mappings && Object.keys(annotation.mappings).length > 0) found.push('mapping of its fields');
  return found;
}
