// What the backend serves to the shell. Panels and variables ask through `src/data` instead.
import { ownPage } from '../own-page';
import type { Dashboard } from '../dashboard';

export type SourceName = 'prometheus' | 'loki' | 'alertmanager';

export interface ViewerInfo {
  version: string;
  service: string;
  environment: string;
  metrics_enabled: boolean;
  scrape_interval_seconds: number;
  /** The longest that the server takes for one query, its wait for a turn included. */
  query_deadline_seconds: number;
  max_query_points: number;
  grafana_url: string | null;
  prometheus_url: string | null;
  alertmanager_url: string | null;
  sources: Record<SourceName, { configured: boolean; hint: string }>;
}

export interface DashboardSummary {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  home: boolean;
}

export interface DashboardListing {
  items: DashboardSummary[];
  /** Without a `file`, of the folder itself. */
  faults: { file: string; detail: string }[];
}

/** An answer that is not what was asked for, with the `code` and `detail` of problem+json where there is one. */
export class RequestError extends Error {
  readonly status: number;
  readonly code: string | undefined;

  constructor(message: string, status: number, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(path: string, signal?: AbortSignal): Promise<{ response: Response; text: string }> {
  try {
    const response = await fetch(path, { headers: ownPage, ...(signal ? { signal } : {}) });
    return { response, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError('The server that serves this page does not answer.', 0, 'viewer_unreachable');
  }
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const { response, text } = await request(path, signal);
  if (!response.ok) throw new RequestError(`${path} answered ${response.status}.`, response.status);
  return text;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const { response, text } = await request(path, signal);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new RequestError(`${path} answered ${response.status} without JSON.`, response.status);
  }
  if (response.ok) return body as T;
  const problem = (body ?? {}) as { title?: string; detail?: string; code?: string; error?: string };
  const message = problem.detail ?? problem.error ?? problem.title ?? `${path} answered ${response.status}.`;
  throw new RequestError(message, response.status, problem.code);
}

/** An answer of Prometheus's API, without its envelope. */
export async function getFromPrometheus<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await getJson<{ status: string; data: T; error?: string }>(`/api/v1/query/prometheus/${path}`, signal);
  if (answer.status !== 'success') throw new RequestError(answer.error ?? 'Prometheus refused the request.', 200);
  return answer.data;
}

export function getFromAlertmanager<T>(path: string, signal?: AbortSignal): Promise<T> {
  return getJson<T>(`/api/v1/query/alertmanager/${path}`, signal);
}

let info: Promise<ViewerInfo> | undefined;

/** Asked once; a failure is forgotten, so that the next caller asks again. */
export function viewerInfo(): Promise<ViewerInfo> {
  info ??= getJson<ViewerInfo>('/api/v1/viewer').catch((error: unknown) => {
    info = undefined;
    throw error;
  });
  return info;
}

let listing: Promise<DashboardListing> | undefined;

/** All dashboards, and the files that should be some and are not. */
export function dashboardListing(): Promise<DashboardListing> {
  listing ??= getJson<DashboardListing>('/api/v1/dashboards').catch((error: unknown) => {
    listing = undefined;
    throw error;
  });
  return listing;
}

export async function dashboardList(): Promise<DashboardSummary[]> {
  return (await dashboardListing()).items;
}

export function fetchDashboard(uid: string, signal?: AbortSignal): Promise<Dashboard> {
  return getJson<Dashboard>(`/api/v1/dashboards/${encodeURIComponent(uid)}`, signal);
}

export function messageFrom(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
