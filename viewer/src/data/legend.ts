// Names of series, as Grafana's server makes them for Prometheus and Loki.
// Source: Grafana documentation, "Prometheus query editor", Legend: Auto, Verbose, Custom.
import { type Labels } from '@grafana/data';

/** `name{a="b", c="d"}` with the labels in order; `{}` without any. */
export function metricText(labels: Labels): string {
  const name = labels.__name__ ?? '';
  const parts = Object.keys(labels)
    .filter((label) => label !== '__name__')
    .sort()
    .map((label) => `${label}=${JSON.stringify(labels[label])}`);
  if (parts.length === 0) return name || '{}';
  return `${name}{${parts.join(', ')}}`;
}

/** `{{label}}` becomes the label's value, and nothing where the series has no such label. */
export function fillLegend(format: string, labels: Labels): string {
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => labels[label] ?? '');
}

/**
 * What goes into `displayNameFromDS`. `undefined` with the automatic legend: the labels that differ then decide,
 * see `getFieldDisplayName`. `expression` names a series that has no labels at all.
 */
export function seriesName(format: string | undefined, labels: Labels, expression: string): string | undefined {
  if (format === '__auto') {
    if (Object.keys(labels).length > 0) return undefined;
    return expression;
  }
  const name = format ? fillLegend(format, labels) : metricText(labels);
  return name === '{}' ? expression : name || undefined;
}
