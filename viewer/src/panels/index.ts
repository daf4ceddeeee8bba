// Every kind of panel, by the type that a dashboard's JSON names.
import { alertlist } from './alertlist';
import { barchart } from './barchart';
import { bargauge } from './bargauge';
import type { PanelKind } from './contract';
import { gauge } from './gauge';
import { heatmap } from './heatmap';
import { logs } from './logs';
import { piechart } from './piechart';
import { stat } from './stat';
import { stateTimeline, statusHistory } from './state-timeline';
import { table } from './table';
import { text } from './text';
import { completePanel } from './shared/complete';
import { steadyOnPaper } from './shared/paper';
import { timeseries } from './timeseries';
import { unsupportedKind } from './unsupported-kind';

/** Kinds that exist in Grafana and are not drawn here; each says so in its place. */
const NOT_DRAWN = [
  'annolist', 'candlestick', 'canvas', 'dashlist', 'datagrid', 'debug', 'flamegraph', 'geomap', 'gettingstarted', 'graph', 'histogram', 'live',
  'news', 'nodeGraph', 'table-old', 'traces', 'trend', 'welcome', 'xychart',
];

const kinds: Record<string, PanelKind> = {
  ...Object.fromEntries(NOT_DRAWN.map((type) => [type, unsupportedKind(type)])),
  alertlist,
  barchart,
  bargauge,
  gauge,
  heatmap,
  logs,
  piechart,
  stat,
  'state-timeline': stateTimeline,
  'status-history': statusHistory,
  table,
  text,
  timeseries,
};

/** The kind of any type, also of one that nobody knows. */
export function panelKind(type: string): PanelKind {
  const kind = Object.hasOwn(kinds, type) ? kinds[type]! : unsupportedKind(type);
  return {
    ...kind,
    create: () => {
      const view = steadyOnPaper(kind.create());
      return { ...view, update: (input) => view.update({ ...input, panel: completePanel(input.panel) }) };
    },
  };
}

export type { Drawn } from './shared/drawn';
