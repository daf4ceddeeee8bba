// Links out of a panel: the same query in Prometheus's own page and in Grafana's Explore, where their addresses are known.
import type { PanelData } from '../../data/contract';
import type { LayoutItem } from './layout';
import type { Session } from './session';

/** Undefined where the address is unknown or the panel does not ask Prometheus. */
export function prometheusUrl(session: Session, data: PanelData | undefined): string | undefined {
  const base = session.info?.prometheus_url;
  const traces = data?.traces.filter((trace) => trace.url.includes('/query/prometheus/')) ?? [];
  if (!base || traces.length === 0) return undefined;
  const { from, to } = session.range;
  const parameters = new URLSearchParams();
  traces.forEach((trace, index) => {
    parameters.set(`g${index}.expr`, trace.expression);
    parameters.set(`g${index}.tab`, '0');
    parameters.set(`g${index}.range_input`, `${Math.max(1, Math.round((to.valueOf() - from.valueOf()) / 1000))}s`);
    parameters.set(`g${index}.end_input`, to.toISOString().slice(0, 19).replace('T', ' '));
  });
  return `${base.replace(/\/+$/, '')}/graph?${parameters}`;
}

export function exploreUrl(session: Session, item: LayoutItem, data: PanelData | undefined): string | undefined {
  const base = session.info?.grafana_url;
  const traces = data?.traces ?? [];
  if (!base || traces.length === 0) return undefined;
  const source = item.panel.datasource ?? item.panel.targets?.[0]?.datasource;
  const datasource = { type: source?.type, uid: session.interpolate(source?.uid ?? '', item.scoped) };
  const pane = {
    datasource: datasource.uid,
    queries: traces.map((trace) => ({ refId: trace.refId, expr: trace.expression, datasource })),
    range: session.raw,
  };
  const parameters = new URLSearchParams({ schemaVersion: '1', orgId: '1', panes: JSON.stringify({ viewer: pane }) });
  return `${base.replace(/\/+$/, '')}/explore?${parameters}`;
}
