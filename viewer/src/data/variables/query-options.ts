// Options of query variables: `label_names()`, `label_values()`, `metrics()`, `query_result()`, or a plain selector.
// Source: Grafana documentation, "Prometheus template variables" and "Loki template variables".
import type { Labels, TimeRange } from '@grafana/data';
import type { Variable } from '../../dashboard';
import { AnswerError } from '../http/answer-errors';
import type { Answer, SendRequest } from '../http/request';
import type { QueryResult } from '../prometheus/answer';
import { seconds } from '../prometheus/query';
import type { SourceKind } from '../sources';
import type { Option } from './options';

export interface VariableQuery {
  send: SendRequest;
  source: SourceKind;
  range: TimeRange;
  signal: AbortSignal;
}

const label = String.raw`("(?:[^"\\]|\\.)+"|[a-zA-Z_][\w.]*)`;
const labelNamesPattern = /^label_names\(\s*(.*?)\s*\)$/s;
const labelValuesPattern = new RegExp(String.raw`^label_values\(\s*(?:(.+),\s*)?${label}\s*\)$`, 's');
const metricsPattern = /^metrics\(\s*(.*?)\s*\)$/s;
const queryResultPattern = /^query_result\(\s*(.+?)\s*\)$/s;

/** The text of a query variable, whichever of Grafana's forms holds it; with a type that says what to do with a bare selector. */
export function queryText(variable: Variable): string {
  const { query, definition } = variable;
  if (typeof query === 'string') return query.trim();
  if (query && typeof query === 'object') {
    if (typeof query.query === 'string') return query.query.trim();
    const loki = query as { type?: number; label?: string; stream?: string };
    // Loki's form without a text: type 0 lists labels, 1 the values of one.
    if (loki.type === 0) return 'label_names()';
    if (loki.type === 1 && loki.label) return loki.stream ? `label_values(${loki.stream}, ${loki.label})` : `label_values(${loki.label})`;
  }
  return (definition ?? '').trim();
}

/** Throws a plain sentence when the source refuses. `text` has its variables filled in. */
export async function queryOptions(text: string, query: VariableQuery): Promise<Option[]> {
  if (text === '') return [];
  const names = labelNamesPattern.exec(text);
  if (names) return listOptions(await ask(query, 'labels', matching(names[1], query)));
  const values = labelValuesPattern.exec(text);
  if (values) return listOptions(await ask(query, `label/${encodeURIComponent(unquote(values[2]!))}/values`, matching(values[1], query)));
  if (query.source === 'loki') throw new Error(`The query "${text}" is not one that the viewer knows for Loki: label_names() or label_values(…).`);
  const metrics = metricsPattern.exec(text);
  if (metrics) return metricOptions(metrics[1] ?? '', query);
  const result = queryResultPattern.exec(text);
  if (result) return resultOptions((await ask(query, 'query', [['query', result[1]!], ['time', seconds(query.range.to.valueOf())]])) as QueryResult);
  const series = (await ask(query, 'series', matching(text, query))) as Labels[];
  return series.map((labels) => toOption(seriesText(labels)));
}

function unquote(name: string): string {
  return name.startsWith('"') ? (JSON.parse(name) as string) : name;
}

/** Time range, and the selector if there is one. */
function matching(selector: string | undefined, { source, range }: VariableQuery): [string, string][] {
  const times: [string, string][] =
    source === 'loki'
      ? [['start', `${range.from.valueOf()}000000`], ['end', `${range.to.valueOf()}000000`]]
      : [['start', String(Math.floor(range.from.valueOf() / 1000))], ['end', String(Math.ceil(range.to.valueOf() / 1000))]];
  if (!selector) return times;
  return [...times, [source === 'loki' ? 'query' : 'match[]', selector]];
}

async function ask({ send, source, signal }: VariableQuery, path: string, parameters: [string, string][]): Promise<unknown> {
  const answer: Answer = await send(source, path, parameters, signal);
  if (answer.error !== undefined) throw new AnswerError(answer.error, answer.away);
  return answer.data;
}

function listOptions(data: unknown): Option[] {
  return ((data ?? []) as string[]).map(toOption);
}

function toOption(text: string): Option {
  return { text, value: text };
}

async function metricOptions(filter: string, query: VariableQuery): Promise<Option[]> {
  const names = listOptions(await ask(query, 'label/__name__/values', matching(undefined, query)));
  if (!filter) return names;
  const pattern = new RegExp(filter);
  return names.filter(({ value }) => pattern.test(value));
}

/** `metric{a="b"} value time`, which the variable's regex then takes apart; the time in milliseconds. */
function resultOptions(result: QueryResult): Option[] {
  if (result.resultType === 'scalar' || result.resultType === 'string') return [toOption(result.result[1])];
  return result.result.flatMap(({ metric, value }) => (value ? [toOption(`${seriesText(metric)} ${value[1]} ${value[0] * 1000}`)] : []));
}

/** `name{a="b",c="d"}`, with the braces also where there are no labels: regexes of dashboards rely on this form. */
function seriesText({ __name__: name = '', ...labels }: Labels): string {
  return `${name}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',')}}`;
}
