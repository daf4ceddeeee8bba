// The classic dashboard JSON, as far as the viewer reads it. Fields that it does not know stay in the object.
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface DataSourceRef {
  type?: string;
  /** `${name}` of a datasource variable, or the uid of a provisioned datasource. */
  uid?: string;
}

export interface Target {
  refId: string;
  datasource?: DataSourceRef;
  expr?: string;
  legendFormat?: string;
  instant?: boolean;
  range?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  maxLines?: number;
  direction?: 'backward' | 'forward';
  hide?: boolean;
  [unknown: string]: unknown;
}

export interface DashboardLink {
  title: string;
  type: 'link' | 'dashboards';
  url?: string;
  tags?: string[];
  icon?: string;
  tooltip?: string;
  asDropdown?: boolean;
  includeVars?: boolean;
  keepTime?: boolean;
  targetBlank?: boolean;
}

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos: GridPos;
  datasource?: DataSourceRef | null;
  targets?: Target[];
  fieldConfig: FieldConfigSource;
  options: Record<string, unknown>;
  transformations?: DataTransformerConfig[];
  interval?: string;
  maxDataPoints?: number;
  timeFrom?: string;
  timeShift?: string;
  hideTimeOverride?: boolean;
  transparent?: boolean;
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  links?: DashboardLink[];
  /** Rows only. */
  collapsed?: boolean;
  /** The panels of a collapsed row. */
  panels?: Panel[];
  [unknown: string]: unknown;
}

export interface VariableOption {
  selected?: boolean;
  text: string | string[];
  value: string | string[];
}

export interface Variable {
  name: string;
  type: 'query' | 'custom' | 'constant' | 'interval' | 'datasource' | 'textbox' | string;
  label?: string;
  description?: string;
  /** 0 shown, 1 without its label, 2 hidden. */
  hide?: 0 | 1 | 2;
  query?: string | { query: string; qryType?: number; refId?: string };
  definition?: string;
  datasource?: DataSourceRef | null;
  regex?: string;
  /** 0 never, 1 on load, 2 on a change of the time range. */
  refresh?: 0 | 1 | 2;
  sort?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string | null;
  current?: VariableOption;
  options?: VariableOption[];
  auto?: boolean;
  auto_min?: string;
  auto_count?: number;
  skipUrlSync?: boolean;
  [unknown: string]: unknown;
}

export interface Annotation {
  name: string;
  enable?: boolean;
  hide?: boolean;
  iconColor?: string;
  builtIn?: number;
  datasource?: DataSourceRef | null;
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: boolean | 'on' | 'off';
  [unknown: string]: unknown;
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  tags?: string[];
  schemaVersion: number;
  graphTooltip?: 0 | 1 | 2;
  timezone?: string;
  weekStart?: string;
  fiscalYearStartMonth?: number;
  refresh?: string | false;
  time?: { from: string; to: string };
  timepicker?: { refresh_intervals?: string[]; quick_ranges?: { from: string; to: string; display: string }[]; hidden?: boolean };
  links?: DashboardLink[];
  annotations?: { list: Annotation[] };
  templating?: { list: Variable[] };
  panels: Panel[];
  [unknown: string]: unknown;
}
