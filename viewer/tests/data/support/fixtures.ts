// What many tests of the data layer need: a set-up library, contexts, and a fetch that answers from a list and remembers what was asked.
import { createTheme, dateTime, type TimeRange } from '@grafana/data';
import type { Dashboard, Panel, Variable } from '../../../src/dashboard';
import { createDataLayer, setUpGrafanaData } from '../../../src/data';
import type { DataLayer, QueryContext, VariableState } from '../../../src/data/contract';
import { defaultRequestSettings, type RequestSettings } from '../../../src/data/http/request';
import { createDataLayer as createWithSettings } from '../../../src/data/data-layer';

setUpGrafanaData();

/** 2026-01-02T03:04:00Z, in milliseconds. */
export const now = Date.UTC(2026, 0, 2, 3, 4, 0);

export function lastMinutes(minutes: number, to = now): TimeRange {
  return { from: dateTime(to - minutes * 60_000).utc(), to: dateTime(to).utc(), raw: { from: `now-${minutes}m`, to: 'now' } };
}

export function variable(definition: Partial<Variable> & { name: string }, chosen: string[], options: string[] = chosen): VariableState {
  return { definition: { type: 'query', ...definition }, options: options.map((value) => ({ text: value, value })), chosen };
}

export const dashboard: Dashboard = { uid: 'home', title: 'Home', schemaVersion: 42, panels: [] };

export function panel(more: Partial<Panel>): Panel {
  return { id: 1, type: 'timeseries', gridPos: { x: 0, y: 0, w: 12, h: 8 }, fieldConfig: { defaults: {}, overrides: [] }, options: {}, ...more };
}

export function context(more: Partial<QueryContext> = {}): QueryContext {
  return {
    dashboard,
    variables: [],
    range: lastMinutes(30),
    timeZone: 'utc',
    theme: createTheme({ colors: { mode: 'dark' } }),
    width: 760,
    signal: new AbortController().signal,
    ...more,
  };
}

export interface Asked {
  /** Without the query string: `/api/v1/query/prometheus/query_range`. */
  path: string;
  parameters: URLSearchParams;
  method: string;
}

type Body = object | string | { status: number; body: object | string; headers?: Record<string, string> };

/** Answers by the end of the path (`query_range`), by turns where a list is given. Paths without an answer get 404. */
export function answering(answers: Record<string, Body | Body[] | ((asked: Asked) => Body)>): { fetch: typeof fetch; asked: Asked[]; data: DataLayer; withSettings(settings: Partial<RequestSettings>): DataLayer } {
  const asked: Asked[] = [];
  const answer = (async (input: string, init?: RequestInit) => {
    init?.signal?.throwIfAborted();
    const [path = '', query = ''] = input.split('?', 2);
    const one: Asked = { path, parameters: new URLSearchParams(init?.body ? String(init.body) : query), method: init?.method ?? 'GET' };
    if (!path.startsWith('/api/v1/query/')) return new Response(JSON.stringify({ scrape_interval_seconds: 15 }));
    asked.push(one);
    const key = Object.keys(answers).find((end) => path.endsWith(`/${end}`));
    const found = key === undefined ? { status: 404, body: { code: 'query_path_not_allowed', detail: `${path} is not one of the paths.` } } : answers[key];
    const body = typeof found === 'function' ? found(one) : Array.isArray(found) ? (found.length > 1 ? found.shift()! : found[0]!) : found!;
    const { status, body: content, headers } = typeof body === 'object' && 'status' in body && 'body' in body ? (body as { status: number; body: object | string; headers?: Record<string, string> }) : { status: 200, body, headers: undefined };
    return new Response(typeof content === 'string' ? content : JSON.stringify(content), { status, ...(headers ? { headers } : {}) });
  }) as typeof fetch;
  return { fetch: answer, asked, data: createDataLayer(answer), withSettings: (settings) => createWithSettings(answer, undefined, { ...defaultRequestSettings, ...settings }) };
}

type Labels = Record<string, string>;

/** Prometheus's answer to a range query: seconds and texts. */
export function matrix(...series: [Labels, [number, string][]][]): object {
  return { status: 'success', data: { resultType: 'matrix', result: series.map(([metric, values]) => ({ metric, values })) } };
}

export function vector(...series: [Labels, [number, string]][]): object {
  return { status: 'success', data: { resultType: 'vector', result: series.map(([metric, value]) => ({ metric, value })) } };
}

export function list(...values: string[]): object {
  return { status: 'success', data: values };
}
