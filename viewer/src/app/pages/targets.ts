// What Prometheus scrapes, by scrape pool: state, labels, last scrape, how long it took, the error.
import { getFromPrometheus } from '../api';
import { element, type Child } from '../../dom';
import { matchesWords } from '../words';
import type { PageView } from '../router';
import type { Shell } from '../shell';
import { ago, duration, labelChips, safeUrl, stateBadge } from './format';
import { group, listingPage, table } from './listing';

interface Target {
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  labels: Record<string, string>;
  discoveredLabels: Record<string, string>;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: 'up' | 'down' | 'unknown';
  scrapeInterval?: string;
  scrapeTimeout?: string;
}

const order = { down: 0, unknown: 1, up: 2 };

export function targetsPage(shell: Shell): PageView {
  return listingPage<Target[]>(shell, {
    title: 'Targets',
    description: 'Every endpoint that Prometheus scrapes, whether it answered, and what went wrong if it did not.',
    placeholder: 'Filter by endpoint, label or error',
    outside: { name: 'Prometheus', address: (info) => info.prometheus_url },
    load: async (signal) => (await getFromPrometheus<{ activeTargets: Target[] }>('targets?state=active', signal)).activeTargets,
    states: (targets) =>
      (['up', 'down', 'unknown'] as const).map((value) => ({
        value,
        label: { up: 'Up', down: 'Down', unknown: 'Unknown' }[value],
        count: targets.filter((target) => target.health === value).length,
      })),
    draw: (targets, { text, state }) => {
      if (targets.length === 0) return element('p', { class: 'empty' }, 'Prometheus has no targets.');
      const pools = [...new Set(targets.map((target) => target.scrapePool))].sort();
      return pools.map((pool) => {
        const all = targets.filter((target) => target.scrapePool === pool);
        const shown = all.filter((target) => (!state || target.health === state) && matchesWords(searchText(target), text));
        return shown.length > 0 ? poolGroup(pool, all, shown) : null;
      });
    },
  });
}

function searchText(target: Target): string {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}="${value}"`);
  return [target.scrapePool, target.scrapeUrl, target.lastError, ...labels].join(' ');
}

function poolGroup(pool: string, all: Target[], shown: Target[]): HTMLElement {
  const up = all.filter((target) => target.health === 'up').length;
  const sorted = [...shown].sort((a, b) => order[a.health] - order[b.health] || a.scrapeUrl.localeCompare(b.scrapeUrl));
  return group(
    pool,
    true,
    [element('strong', {}, pool), element('span', { class: `group-count ${up === all.length ? 'good' : 'bad'}` }, `${up} of ${all.length} up`)],
    table(`Targets of ${pool}`, ['Endpoint', 'State', 'Labels', 'Last scrape', 'Duration', 'Error'], sorted.map(targetRow), 'targets-table'),
  );
}

function targetRow(target: Target): Child[] {
  const url = safeUrl(target.globalUrl ?? target.scrapeUrl);
  const schedule = target.scrapeInterval ? `every ${target.scrapeInterval}, at most ${target.scrapeTimeout ?? '?'}` : undefined;
  return [
    element('span', { class: 'endpoint' }, url ? element('a', { href: url, rel: 'noopener noreferrer', target: '_blank' }, target.scrapeUrl) : target.scrapeUrl),
    stateBadge(target.health),
    [labelChips(target.labels), discovered(target)],
    element('span', { title: schedule }, ago(target.lastScrape)),
    element('span', { class: 'number' }, duration(target.lastScrapeDuration)),
    target.lastError ? element('span', { class: 'error-text' }, target.lastError) : element('span', { class: 'muted' }, 'none'),
  ];
}

function discovered(target: Target): HTMLElement {
  return element('details', { class: 'more', 'data-key': `discovered ${target.scrapePool} ${target.scrapeUrl}` },
    element('summary', {}, 'before relabelling'), labelChips(target.discoveredLabels));
}
