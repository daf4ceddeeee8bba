// What the shell asks of the data layer.
import type { DataFrame, GrafanaTheme2, InterpolateFunction, TimeRange } from '@grafana/data';
import type { Dashboard, Panel, Variable } from '../dashboard';
import type { AnnotationMark, TimeSpan } from '../panels/contract';

/** A source that is not set up, not running, or (`viewer`) the server of this page itself: said once for all that asks it. */
export interface Away {
  source: 'prometheus' | 'loki' | 'viewer';
  code: 'query_source_unconfigured' | 'query_source_unreachable' | 'viewer_unreachable';
}

/** One HTTP request to the query proxy, as "show the query" shows it. */
export interface QueryTrace {
  refId: string;
  /** With every variable filled in. */
  expression: string;
  url: string;
  status: number;
  durationMs: number;
  bytes: number;
  /** The body as text, cut after 1 MiB. */
  raw: string;
  /** What went wrong, in one sentence. */
  error?: string;
  away?: Away;
  /** Warnings and infos of Prometheus. */
  notices: string[];
}

export interface PanelData {
  /** After transformations and overrides. */
  frames: DataFrame[];
  traces: QueryTrace[];
  /** What this panel uses that the viewer does not do: overrides, transformations, query options. */
  unsupported: string[];
  intervalMs: number;
  span: TimeSpan;
}

/** The values chosen for the variables of a dashboard. `['$__all']` is All. */
export type Chosen = Record<string, string[]>;

export interface ScopedVariables {
  [name: string]: { text: string; value: string | string[] };
}

export interface QueryContext {
  dashboard: Dashboard;
  variables: VariableState[];
  range: TimeRange;
  timeZone: string;
  theme: GrafanaTheme2;
  /** Pixels of the panel: decides the interval. */
  width: number;
  /** Of repeated panels and rows. */
  scoped?: ScopedVariables;
  signal: AbortSignal;
}

export interface VariableState {
  definition: Variable;
  options: { text: string; value: string }[];
  chosen: string[];
  error?: string;
  away?: Away;
  /** Of the values that were asked for, those that the variable does not have. */
  unknown?: string[];
}

/** What the backend says of itself at `/api/v1/viewer`, as far as queries depend on it. */
export interface ServerFacts {
  /** How often Prometheus scrapes. */
  scrape_interval_seconds: number;
  /** The longest that the backend takes for one query, its wait for a turn included. */
  query_deadline_seconds: number;
  /** The most steps that the backend lets one query have. */
  max_query_points: number;
}

export interface DataLayer {
  queryPanel(panel: Panel, context: QueryContext): Promise<PanelData>;
  queryAnnotations(context: QueryContext): Promise<{ marks: AnnotationMark[]; errors: string[] }>;
  /**
   * Options and values of all variables, in the order of the dashboard; each is read after those it needs. `changed` is the variable that
   * the user just chose anew: what depends on it loses the values that its new options lack. All others keep what they were given.
   */
  resolveVariables(dashboard: Dashboard, chosen: Chosen, range: TimeRange, signal: AbortSignal, changed?: string): Promise<VariableState[]>;
  interpolation(context: Omit<QueryContext, 'signal' | 'width'>): InterpolateFunction;
}
