// The active alerts of one rule.
import { element } from '../../dom';
import { ago, labelChips, stateBadge } from './format';
import { table } from './listing';
import type { PrometheusAlert } from './prometheus-rules';

interface More {
  links?: (alert: PrometheusAlert) => Node | null;
  /** Says more of an alert, such as who silenced it. */
  notes?: ((alert: PrometheusAlert) => Node | null) | undefined;
}

export function alertTable(name: string, alerts: PrometheusAlert[], { links, notes }: More = {}): HTMLElement {
  const headings = ['State', 'Labels', 'Since', 'Value', ...(notes ? ['Alertmanager'] : [])];
  return table(`Active alerts of ${name}`, headings, alerts.map((alert) => [
    stateBadge(alert.state),
    [labelChips(alert.labels, ['alertname']), annotationList(alert), links?.(alert)],
    ago(alert.activeAt),
    element('span', { class: 'number' }, alertValue(alert.value)),
    ...(notes ? [notes(alert)] : []),
  ]));
}

/** Prometheus writes `1e+00`; people read 1. */
export function alertValue(text: string): string {
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? String(Number(value.toPrecision(6))) : text;
}

function annotationList(alert: PrometheusAlert): HTMLElement | null {
  const text = alert.annotations.description ?? alert.annotations.summary ?? alert.annotations.message;
  return text ? element('p', { class: 'annotation' }, text) : null;
}
