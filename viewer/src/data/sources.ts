// Which source a query asks: the reference in the dashboard, with variables filled in, to one that the backend passes queries to.
import type { DataSourceRef } from '../dashboard';

export type SourceKind = 'prometheus' | 'loki';

/** The provisioned datasources: uid, which is also the name, and type. */
export const datasources: { uid: string; type: SourceKind | 'alertmanager' }[] = [
  { uid: 'Prometheus', type: 'prometheus' },
  { uid: 'Loki', type: 'loki' },
  { uid: 'Alertmanager', type: 'alertmanager' },
];

export const sourceNames: Record<SourceKind, string> = { prometheus: 'Prometheus', loki: 'Loki' };

/** The kind of source, or a text that names what the viewer cannot ask. The first reference that is set counts. */
export function resolveSource(references: (DataSourceRef | string | null | undefined)[], interpolate: (text: string) => string): SourceKind | { unsupported: string } {
  for (const reference of references) {
    // Older dashboards name the datasource in a plain string.
    const { uid = '', type = '' } = typeof reference === 'string' ? { uid: reference } : (reference ?? {});
    const name = interpolate(uid);
    if (!name && !type) continue;
    // "Mixed" says that each query names its own.
    if (name === '-- Mixed --') continue;
    const known = datasources.find((source) => source.uid.toLowerCase() === name.toLowerCase());
    const kind = known?.type ?? type;
    if (kind === 'prometheus' || kind === 'loki') return kind;
    return { unsupported: describe(name, type) };
  }
  // Grafana's default datasource, which the provisioning makes Prometheus.
  return 'prometheus';
}

function describe(name: string, type: string): string {
  if (name === '-- Dashboard --') return 'the results of another panel';
  if (name === '-- Grafana --') return 'data that Grafana makes itself';
  if (name === '__expr__' || type === '__expr__') return "an expression of Grafana's server";
  return `the datasource "${name || type}"`;
}
