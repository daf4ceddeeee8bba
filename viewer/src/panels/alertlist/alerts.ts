// What Prometheus and Alertmanager answer about alerts, and how an alert list orders and filters it.

export type AlertState = 'firing' | 'pending' | 'normal' | 'error';

export interface AlertItem {
  name: string;
  state: AlertState;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Milliseconds; since when it is in this state. */
  since: number | undefined;
  silenced: boolean;
}

/** As Prometheus answers at `/api/v1/rules?type=alert`. */
export interface RulesAnswer {
  data?: {
    groups: {
      name: string;
      rules: {
        type: string;
        name: string;
        state?: string;
        health?: string;
        labels?: Record<string, string>;
        annotations?: Record<string, string>;
        alerts?: { state: string; labels: Record<string, string>; annotations: Record<string, string>; activeAt?: string }[];
      }[];
    }[];
  };
}

/** As Alertmanager answers at `/api/v2/alerts`. */
export type AlertmanagerAnswer = { labels: Record<string, string>; status: { state: string } }[];

/** One item an active alert, and one a rule that is quiet or broken. */
export function alertItems(rules: RulesAnswer, alertmanager: AlertmanagerAnswer | undefined): AlertItem[] {
  const silenced = new Set((alertmanager ?? []).filter((alert) => alert.status.state === 'suppressed').map((alert) => labelKey(alert.labels)));
  const items: AlertItem[] = [];
  for (const group of rules.data?.groups ?? []) {
    for (const rule of group.rules) {
      if (rule.type !== 'alerting') {
        continue;
      }
      const active = rule.alerts ?? [];
      for (const alert of active) {
        items.push({
          name: alert.labels.alertname ?? rule.name,
          state: alert.state === 'pending' ? 'pending' : 'firing',
          labels: alert.labels,
          annotations: alert.annotations,
          since: alert.activeAt ? Date.parse(alert.activeAt) : undefined,
          silenced: silenced.has(labelKey(alert.labels)),
        });
      }
      if (active.length === 0) {
        items.push({ name: rule.name, state: rule.health === 'err' ? 'error' : 'normal', labels: rule.labels ?? {}, annotations: rule.annotations ?? {}, since: undefined, silenced: false });
      }
    }
  }
  return items;
}

function labelKey(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export interface AlertListOptions {
  stateFilter?: { firing?: boolean; pending?: boolean; normal?: boolean; error?: boolean; noData?: boolean; recovering?: boolean };
  alertName?: string;
  alertInstanceLabelFilter?: string;
  maxItems?: number;
  /** 1 and 2 by name up and down, 3 by importance, 4 and 5 by time up and down. */
  sortOrder?: number;
  groupMode?: 'default' | 'custom';
  groupBy?: string[];
  viewMode?: 'list' | 'stat';
}

const IMPORTANCE: Record<AlertState, number> = { firing: 0, error: 1, pending: 2, normal: 3 };

export function selectAlerts(items: AlertItem[], options: AlertListOptions): AlertItem[] {
  const states = options.stateFilter ?? { firing: true, pending: true, error: true };
  const matchers = labelMatchers(options.alertInstanceLabelFilter ?? '');
  const name = (options.alertName ?? '').toLowerCase();
  const selected = items.filter((item) => states[item.state] && item.name.toLowerCase().includes(name) && matchers.every((matches) => matches(item.labels)));
  return sorted(selected, options.sortOrder ?? 1).slice(0, options.maxItems ?? 20);
}

function sorted(items: AlertItem[], order: number): AlertItem[] {
  const byName = (a: AlertItem, b: AlertItem) => a.name.localeCompare(b.name);
  const byTime = (a: AlertItem, b: AlertItem) => (a.since ?? Infinity) - (b.since ?? Infinity) || byName(a, b);
  switch (order) {
    case 2:
      return items.sort((a, b) => byName(b, a));
    case 3:
      return items.sort((a, b) => IMPORTANCE[a.state] - IMPORTANCE[b.state] || byName(a, b));
    case 4:
      return items.sort(byTime);
    case 5:
      return items.sort((a, b) => (b.since ?? 0) - (a.since ?? 0) || byName(a, b));
    default:
      return items.sort(byName);
  }
}

/** `{job="a", severity=~"warning|critical"}`, with or without the braces. */
export function labelMatchers(filter: string): ((labels: Record<string, string>) => boolean)[] {
  return [...filter.matchAll(/([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)].map(([, name, operator, quoted]) => {
    const value = quoted!.replace(/\\(.)/g, '$1');
    const pattern = operator!.includes('~') ? new RegExp(`^(?:${value})$`) : undefined;
    return (labels) => {
      const own = labels[name!] ?? '';
      const isEqual = pattern ? pattern.test(own) : own === value;
      return operator!.startsWith('!') ? !isEqual : isEqual;
    };
  });
}

export interface AlertGroup {
  title: string;
  items: AlertItem[];
}

/** By the chosen labels, or by the alert's name. */
export function groupAlerts(items: AlertItem[], options: AlertListOptions): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const item of items) {
    const title =
      options.groupMode === 'custom' && options.groupBy?.length ? options.groupBy.map((label) => `${label}=${item.labels[label] ?? ''}`).join(', ') : item.name;
    const group = groups.get(title) ?? { title, items: [] };
    group.items.push(item);
    groups.set(title, group);
  }
  return [...groups.values()];
}
