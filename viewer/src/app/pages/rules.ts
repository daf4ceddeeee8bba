// Recording and alert rules by group: expression, state, health, how long they took, the last error.
import { getFromPrometheus } from '../api';
import { element, type Child } from '../../dom';
import { matchesWords } from '../words';
import type { PageView } from '../router';
import type { Shell } from '../shell';
import { ago, duration, labelChips, stateBadge } from './format';
import { ownLinks, ruleLinks } from './alert-links';
import { alertTable } from './alert-table';
import { group, listingPage } from './listing';
import { ruleState, type Rule, type RuleGroup } from './prometheus-rules';
import { templateText } from './templates';

export function rulesPage(shell: Shell): PageView {
  return listingPage<RuleGroup[]>(shell, {
    title: 'Rules',
    description: 'What Prometheus works out by itself: recorded series and conditions for alerts.',
    placeholder: 'Filter by name, expression or label',
    outside: { name: 'Prometheus', address: (info) => info.prometheus_url },
    load: async (signal) => (await getFromPrometheus<{ groups: RuleGroup[] }>('rules', signal)).groups,
    states: (groups) => {
      const rules = groups.flatMap((item) => item.rules);
      const count = (matches: (rule: Rule) => boolean): number => rules.filter(matches).length;
      return [
        { value: 'firing', label: 'Firing', count: count((rule) => ruleState(rule) === 'firing') },
        { value: 'pending', label: 'Pending', count: count((rule) => ruleState(rule) === 'pending') },
        { value: 'inactive', label: 'Inactive', count: count((rule) => ruleState(rule) === 'inactive') },
        { value: 'recording', label: 'Recording', count: count((rule) => rule.type === 'recording') },
        { value: 'unhealthy', label: 'With errors', count: count((rule) => rule.health === 'err') },
      ];
    },
    draw: (groups, { text, state }) => {
      if (groups.length === 0) return element('p', { class: 'empty' }, 'Prometheus has no rules.');
      return groups.map((item) => {
        const shown = item.rules.filter((rule) => matchesState(rule, state) && matchesWords(searchText(item, rule), text));
        return shown.length > 0 ? groupView(item, shown, shell) : null;
      });
    },
  });
}

function matchesState(rule: Rule, state: string): boolean {
  return !state || (state === 'unhealthy' ? rule.health === 'err' : ruleState(rule) === state);
}

function searchText(item: RuleGroup, rule: Rule): string {
  const labels = Object.entries(rule.labels ?? {}).map(([name, value]) => `${name}="${value}"`);
  return [item.name, rule.name, rule.query, rule.lastError, ...labels].join(' ');
}

function groupView(item: RuleGroup, rules: Rule[], shell: Shell): HTMLElement {
  const errors = item.rules.filter((rule) => rule.health === 'err').length;
  return group(
    `${item.file} ${item.name}`,
    true,
    [
      element('strong', {}, item.name),
      element('span', { class: 'muted' }, item.file.split('/').pop()),
      errors > 0 ? element('span', { class: 'group-count bad' }, `${errors} with errors`) : null,
      element('span', { class: 'group-facts' }, 'every ', duration(item.interval), ', last ', ago(item.lastEvaluation), ', took ', duration(item.evaluationTime ?? 0)),
    ],
    rules.map((rule) => ruleView(item, rule, shell)),
  );
}

function ruleView(item: RuleGroup, rule: Rule, shell: Shell): HTMLElement {
  const alerts = rule.alerts ?? [];
  return element('article', { class: 'rule' },
    element('header', {},
      element('h3', {}, rule.name),
      stateBadge(ruleState(rule)),
      rule.health === 'ok' ? null : stateBadge(rule.health === 'err' ? 'error' : 'unknown', rule.health === 'err' ? 'error' : 'not evaluated yet'),
      rule.labels ? labelChips(rule.labels, [], templateText) : null,
      element('span', { class: 'group-facts' }, ruleFacts(rule)),
    ),
    rule.annotations?.summary ? element('p', {}, templateText(rule.annotations.summary)) : null,
    ruleLinks(rule, shell.grafanaUrl()),
    element('pre', { class: 'expression', tabindex: 0, 'aria-label': `Expression of ${rule.name}` }, rule.query),
    rule.lastError ? element('p', { class: 'error-text' }, rule.lastError) : null,
    alerts.length > 0
      ? element('details', { class: 'more', 'data-key': `alerts ${item.name} ${rule.name}` },
          element('summary', {}, `${alerts.length} active ${alerts.length === 1 ? 'alert' : 'alerts'}`), alertTable(rule.name, alerts, { links: ownLinks(rule, shell.grafanaUrl()) }))
      : null,
  );
}

function ruleFacts(rule: Rule): Child {
  return [
    rule.duration ? `for ${duration(rule.duration)}, ` : null,
    rule.keepFiringFor ? `keeps firing ${duration(rule.keepFiringFor)}, ` : null,
    'last ', ago(rule.lastEvaluation), ', took ', duration(rule.evaluationTime ?? 0),
  ];
}
