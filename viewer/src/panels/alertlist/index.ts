// Alert list: the alerts of Prometheus, and which of them Alertmanager silences, asked through the query proxy.
import { ownPage } from '../../own-page';
import type { PanelInput, PanelKind, PanelView } from '../contract';
import { element } from '../../dom';
import { durationText } from '../shared/duration';
import { emptyDrawn, panelRoot, setDrawn } from '../shared/drawn';
import { runbookHref } from '../shared/links';
import { unsupportedOptions } from '../shared/unsupported';
import { type AlertGroup, type AlertItem, alertItems, type AlertListOptions, type AlertmanagerAnswer, groupAlerts, type RulesAnswer, selectAlerts } from './alerts';

const RULES_PATH = '/api/v1/query/prometheus/rules?type=alert';
const ALERTMANAGER_PATH = '/api/v1/query/alertmanager/alerts';
const VIEWER_PATH = '/api/v1/viewer';
const STATE_WORDS = { firing: 'Firing', pending: 'Pending', normal: 'Normal', error: 'Error' };

export const alertlist: PanelKind = {
  create,
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        'stateFilter.*': true,
        alertName: true,
        alertInstanceLabelFilter: true,
        maxItems: true,
        sortOrder: [1, 2, 3, 4, 5],
        groupMode: ['default', 'custom'],
        groupBy: true,
        viewMode: ['list', 'stat'],
        showInstances: true,
        datasource: true,
      },
      {},
    ),
  needsData: false,
};

function create(): PanelView {
  const root = panelRoot('alertlist');
  let running: AbortController | undefined;
  return {
    element: root,
    update(input) {
      running?.abort();
      running = new AbortController();
      void load(root, input, running.signal);
    },
    destroy() {
      running?.abort();
      root.replaceChildren();
    },
  };
}

async function load(root: HTMLElement, input: PanelInput, signal: AbortSignal): Promise<void> {
  try {
    const [rules, alertmanager] = await Promise.all([getJson<RulesAnswer>(RULES_PATH, signal), silencedAlerts(signal)]);
    if (!signal.aborted) {
      draw(root, alertItems(rules, alertmanager), input);
    }
  } catch (error) {
    if (!signal.aborted) {
      setDrawn(root, emptyDrawn('alertlist'));
      root.replaceChildren(element('div', { class: 'panel-no-data', 'data-panel-error': true, role: 'alert' }, (error as Error).message));
    }
  }
}

/** Nothing where no Alertmanager is configured or it does not answer: the alerts themselves are Prometheus's. */
async function silencedAlerts(signal: AbortSignal): Promise<AlertmanagerAnswer | undefined> {
  try {
    const { sources } = await getJson<{ sources?: { alertmanager?: { configured: boolean } } }>(VIEWER_PATH, signal);
    return sources?.alertmanager?.configured ? await getJson<AlertmanagerAnswer>(ALERTMANAGER_PATH, signal) : undefined;
  } catch {
    return undefined;
  }
}

async function getJson<T>(path: string, signal: AbortSignal): Promise<T> {
  const response = await fetch(path, { signal, headers: ownPage }).catch((error: unknown) => {
    throw signal.aborted ? error : new Error('The server that serves this page does not answer.');
  });
  const body = (await response.json().catch(() => undefined)) as (T & { detail?: string; error?: string }) | undefined;
  if (!response.ok || body === undefined) {
    throw new Error(body?.detail ?? body?.error ?? `Prometheus answered ${response.status}`);
  }
  return body;
}

function draw(root: HTMLElement, all: AlertItem[], input: PanelInput): void {
  const options = input.panel.options as AlertListOptions;
  const replaced: AlertListOptions = {
    ...options,
    alertName: input.replaceVariables(options.alertName ?? ''),
    alertInstanceLabelFilter: input.replaceVariables(options.alertInstanceLabelFilter ?? ''),
  };
  const items = selectAlerts(all, replaced);
  setDrawn(root, {
    ...emptyDrawn('alertlist'),
    series: [{ name: 'alerts', color: '', values: items.map((item) => `${item.name} ${item.state}`), drawn: [], visible: true }],
  });
  if (options.viewMode === 'stat') {
    const count = element('div', { class: 'panel-alert-count', 'data-stat-value': true }, String(items.length));
    count.style.fontSize = `${Math.max(24, Math.min(input.height * 0.6, 80))}px`;
    root.replaceChildren(count);
    return;
  }
  if (items.length === 0) {
    root.replaceChildren(element('div', { class: 'panel-no-data', 'data-no-data': true }, input.panel.fieldConfig.defaults.noValue ?? 'No alerts matching filters'));
    return;
  }
  const list = element('ul', { class: 'panel-alerts', tabindex: 0, 'aria-label': input.panel.title || 'Alerts' });
  for (const group of groupAlerts(items, replaced)) {
    list.append(groupElement(group, replaced));
  }
  root.replaceChildren(list);
}

function groupElement(group: AlertGroup, options: AlertListOptions): HTMLElement {
  const [first] = group.items;
  if (group.items.length === 1 && options.groupMode !== 'custom') {
    return alertElement(first!);
  }
  const inner = element('ul', { class: 'panel-alert-group-items' });
  for (const item of group.items) {
    inner.append(alertElement(item));
  }
  return element('li', { class: 'panel-alert-group' }, element('details', { open: true }, element('summary', {}, `${group.title} (${group.items.length})`), inner));
}

function alertElement(item: AlertItem): HTMLElement {
  const tags = element('span', { class: 'panel-tags' });
  for (const [name, value] of Object.entries(item.labels)) {
    if (name !== 'alertname') {
      tags.append(element('span', { class: 'panel-tag' }, `${name}=${value}`));
    }
  }
  const { summary, description, runbook_url: runbook } = item.annotations;
  const since = item.since === undefined ? '' : ` for ${durationText(Date.now() - item.since)}`;
  const line = element(
    'div',
    { class: 'panel-alert-line' },
    element('span', { class: `panel-alert-state panel-alert-${item.state}` }, `${STATE_WORDS[item.state]}${item.silenced ? ', silenced' : ''}`),
    element('span', { class: 'panel-alert-name' }, item.name),
    since ? element('span', { class: 'panel-alert-since' }, since.trim()) : undefined,
  );
  const href = runbook ? runbookHref(runbook) : undefined;
  return element(
    'li',
    { class: 'panel-alert', 'data-alert': item.name, 'data-alert-state': item.state },
    line,
    (item.state === 'normal' ? undefined : (description ?? summary)) ? element('div', { class: 'panel-alert-text' }, description ?? summary ?? '', href ? ' ' : undefined, href ? element('a', { class: 'panel-link', href, target: '_blank', rel: 'noopener noreferrer' }, 'Runbook') : undefined) : undefined,
    item.state === 'normal' ? undefined : tags,
  );
}
