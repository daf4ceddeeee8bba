// Alert rules by state with their active alerts, and what Alertmanager does with them: who is told, what is silenced.
import { getFromAlertmanager, getFromPrometheus, viewerInfo } from '../api';
import { element } from '../../dom';
import { icon } from '../icons';
import { matchesWords } from '../words';
import type { PageView } from '../router';
import type { Shell } from '../shell';
import { alertTable } from './alert-table';
import { ownLinks, ruleLinks } from './alert-links';
import { ago, duration, labelChips, stateBadge, timestamp } from './format';
import { group, listingPage, table } from './listing';
import { ruleState, type PrometheusAlert, type Rule, type RuleGroup } from './prometheus-rules';
import { templateText } from './templates';

interface ManagedAlert {
  labels: Record<string, string>;
  receivers: { name: string }[];
  status: { state: string; silencedBy: string[]; inhibitedBy: string[] };
}

interface Silence {
  id: string;
  comment: string;
  createdBy: string;
  endsAt: string;
  matchers: { name: string; value: string; isRegex: boolean; isEqual?: boolean }[];
  status: { state: 'active' | 'pending' | 'expired' };
}

interface AlertData {
  rules: Rule[];
  /** Undefined where no Alertmanager is configured. */
  manager: { alerts: ManagedAlert[]; silences: Silence[] } | { error: string } | undefined;
}

const states = ['firing', 'pending', 'inactive'] as const;

export function alertsPage(shell: Shell): PageView {
  return listingPage<AlertData>(shell, {
    title: 'Firing alerts',
    description: 'What fires now, what is about to, and every alert rule that is quiet.',
    placeholder: 'Filter by name, label or text',
    outside: { name: 'Alertmanager', address: (info) => info.alertmanager_url },
    load: async (signal) => {
      const [{ groups }, manager] = await Promise.all([getFromPrometheus<{ groups: RuleGroup[] }>('rules', signal), loadManager(signal)]);
      return { rules: groups.flatMap((item) => item.rules).filter((rule) => rule.type === 'alerting'), manager };
    },
    states: ({ rules }) =>
      states.map((value) => ({
        value,
        label: { firing: 'Firing', pending: 'Pending', inactive: 'Inactive' }[value],
        count: rules.filter((rule) => ruleState(rule) === value).length,
      })),
    draw: ({ rules, manager }, { text, state }) => {
      const shown = rules.filter((rule) => (!state || ruleState(rule) === state) && matchesWords(searchText(rule), text));
      return [
        rules.length === 0 ? element('p', { class: 'empty' }, 'Prometheus has no alert rules.') : null,
        rules.length > 0 && !rules.some((rule) => ruleState(rule) !== 'inactive')
          ? element('p', { class: 'all-good' }, icon('check'), `All ${rules.length} alert rules are quiet.`)
          : null,
        states.map((value) => {
          const ofState = shown.filter((rule) => ruleState(rule) === value);
          return ofState.map((rule) => alertView(rule, manager, shell));
        }),
        text || state ? null : managerView(manager),
      ];
    },
  });
}

async function loadManager(signal: AbortSignal): Promise<AlertData['manager']> {
  const info = await viewerInfo().catch(() => undefined);
  if (!info?.sources.alertmanager.configured) return undefined;
  try {
    const [alerts, silences] = await Promise.all([
      getFromAlertmanager<ManagedAlert[]>('alerts', signal),
      getFromAlertmanager<Silence[]>('silences', signal),
    ]);
    return { alerts, silences };
  } catch (error) {
    if (signal.aborted) throw error;
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function searchText(rule: Rule): string {
  const alerts = (rule.alerts ?? []).flatMap((alert) => [...Object.values(alert.labels), ...Object.values(alert.annotations)]);
  return [rule.name, rule.query, ...Object.values(rule.labels ?? {}), ...Object.values(rule.annotations ?? {}), ...alerts].join(' ');
}

function alertView(rule: Rule, manager: AlertData['manager'], shell: Shell): HTMLElement {
  const alerts = rule.alerts ?? [];
  const state = ruleState(rule);
  return group(
    rule.name,
    alerts.length > 0,
    [
      stateBadge(state),
      element('strong', {}, rule.name),
      alerts.length > 0 ? element('span', { class: 'group-count bad' }, String(alerts.length)) : null,
      element('span', { class: 'group-text' }, templateText(rule.annotations?.summary ?? '')),
      rule.labels ? labelChips(rule.labels, [], templateText) : null,
    ],
    element('div', { class: 'alert-detail' },
      rule.annotations?.description && alerts.length === 0 ? element('p', { class: 'annotation' }, templateText(rule.annotations.description)) : null,
      ruleLinks(rule, shell.grafanaUrl()),
      element('pre', { class: 'expression', tabindex: 0, 'aria-label': `Expression of ${rule.name}` }, rule.query),
      element('p', { class: 'muted' }, rule.duration ? `Fires after the expression holds for ${duration(rule.duration)}.` : 'Fires as soon as the expression holds.'),
      rule.lastError ? element('p', { class: 'error-text' }, rule.lastError) : null,
      alerts.length > 0 ? alertTable(rule.name, alerts, { links: ownLinks(rule, shell.grafanaUrl()), notes: managerNotes(manager) }) : null,
    ),
  );
}

function managerNotes(manager: AlertData['manager']): ((alert: PrometheusAlert) => Node | null) | undefined {
  if (!manager || 'error' in manager) return undefined;
  return (alert) => {
    if (alert.state !== 'firing') return element('span', { class: 'muted' }, 'not told yet');
    const managed = manager.alerts.find((other) => Object.entries(alert.labels).every(([name, value]) => other.labels[name] === value));
    if (!managed) return element('span', { class: 'muted' }, 'unknown to it');
    const silences = managed.status.silencedBy.map((id) => manager.silences.find((silence) => silence.id === id)?.comment ?? id);
    return element('span', {},
      managed.status.state === 'suppressed' ? stateBadge('silenced', silences.length > 0 ? 'silenced' : 'inhibited') : null,
      silences.length > 0 ? element('small', {}, silences.join('; ')) : null,
      element('small', {}, `to ${managed.receivers.map((receiver) => receiver.name).join(', ')}`));
  };
}

function managerView(manager: AlertData['manager']): HTMLElement | null {
  if (!manager) return null;
  if ('error' in manager) {
    return element('section', { class: 'manager' }, element('h2', {}, 'Alertmanager'), element('p', { class: 'error-text' }, manager.error));
  }
  const silences = manager.silences.filter((silence) => silence.status.state !== 'expired');
  const receivers = new Map<string, number>();
  for (const name of manager.alerts.flatMap((alert) => alert.receivers.map((receiver) => receiver.name))) {
    receivers.set(name, (receivers.get(name) ?? 0) + 1);
  }
  const told = [...receivers].map(([name, count]) => `${name} (${count})`).join(', ');
  return element('section', { class: 'manager' },
    element('h2', {}, 'Alertmanager'),
    element('p', {}, receivers.size > 0 ? `Tells of ${manager.alerts.length} ${manager.alerts.length === 1 ? 'alert' : 'alerts'}: ${told}.` : 'It has no alert to tell of.'),
    element('h3', {}, 'Silences'),
    silences.length === 0
      ? element('p', { class: 'muted' }, 'No silence is active.')
      : table('Silences', ['State', 'Matches', 'Comment', 'By', 'Ends'], silences.map((silence) => [
          stateBadge(silence.status.state === 'active' ? 'silenced' : 'pending', silence.status.state),
          silence.matchers.map((matcher) => element('span', { class: 'label-chip' }, `${matcher.name}${matcherSign(matcher)}"${matcher.value}"`)),
          silence.comment,
          silence.createdBy,
          inFuture(silence.endsAt),
        ])),
  );
}

function matcherSign(matcher: { isRegex: boolean; isEqual?: boolean }): string {
  const equal = matcher.isEqual !== false;
  return matcher.isRegex ? (equal ? '=~' : '!~') : equal ? '=' : '!=';
}

function inFuture(text: string): Node {
  const time = timestamp(text);
  if (time === undefined || time < Date.now()) return ago(text);
  return element('time', { datetime: text, title: new Date(time).toLocaleString() }, `in ${duration((time - Date.now()) / 1000)}`);
}
