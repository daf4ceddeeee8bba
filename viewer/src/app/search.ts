// Search of dashboards and pages from anywhere, by keyboard.
import { dashboardList, messageFrom, type DashboardSummary } from './api';
import { openDialog } from './dialog';
import { freshId } from './accessibility';
import { element, replaceChildren } from '../dom';
import { icon } from './icons';
import { navigate } from './router';
import { matchesWords, titleRank } from './words';

interface Entry {
  title: string;
  detail: string;
  href: string;
  words: string;
}

const pages: Entry[] = [
  { title: 'Dashboards', detail: 'All provisioned dashboards', href: '/dashboards', words: '' },
  { title: 'Targets', detail: 'What Prometheus scrapes, and whether it answers', href: '/targets', words: 'scrape up down' },
  { title: 'Rules', detail: 'Recording and alert rules', href: '/rules', words: 'recording' },
  { title: 'Firing alerts', detail: 'What fires now, and every alert rule that is quiet', href: '/alerts', words: 'firing pending silences' },
  { title: 'Runbook', detail: 'What each alert means, what to check first, and how to stop it', href: '/runbook', words: 'help docs' },
];

export function openSearch(): void {
  if (document.querySelector('dialog[open]')) return;
  const listId = freshId('results');
  const input = element('input', {
    type: 'text', class: 'search-input', placeholder: 'Search dashboards and pages', role: 'combobox', 'aria-expanded': 'true',
    'aria-controls': listId, 'aria-label': 'Search dashboards and pages', autocomplete: 'off', spellcheck: 'false',
  });
  const list = element('ul', { id: listId, class: 'search-results', role: 'listbox', 'aria-label': 'Results' });
  const { close } = openDialog('Search', { class: 'search-dialog' }, element('div', { class: 'search-field' }, icon('search'), input), list);
  let entries = pages;
  let shown: Entry[] = [];
  let active = 0;

  const open = (entry: Entry | undefined): void => {
    if (!entry) return;
    close();
    navigate(entry.href);
  };
  const draw = (): void => {
    const found = entries.filter((entry) => matchesWords(`${entry.title} ${entry.detail} ${entry.words}`, input.value));
    // A name says more than a description.
    shown = found.sort((a, b) => titleRank(a.title, input.value) - titleRank(b.title, input.value));
    active = Math.max(0, Math.min(active, shown.length - 1));
    replaceChildren(list, shown.map((entry, index) =>
      element('li', { role: 'option', id: `${listId}-${index}`, 'aria-selected': String(index === active), onclick: () => open(entry) },
        element('span', { class: 'search-title' }, entry.title),
        element('span', { class: 'search-detail' }, entry.detail),
      )));
    if (shown.length === 0) list.append(element('li', { class: 'search-none', role: 'presentation' }, 'Nothing has these words.'));
    if (shown.length > 0) input.setAttribute('aria-activedescendant', `${listId}-${active}`);
    else input.removeAttribute('aria-activedescendant');
    list.children[active]?.scrollIntoView({ block: 'nearest' });
  };
  input.addEventListener('input', () => {
    active = 0;
    draw();
  });
  input.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length > 0) {
      event.preventDefault();
      active = (active + step + shown.length) % shown.length;
      draw();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      open(shown[active]);
    }
  });
  draw();
  input.focus();
  dashboardList()
    .then((dashboards) => {
      entries = [...dashboards.map(dashboardEntry), ...pages];
      draw();
    })
    .catch((error: unknown) => list.prepend(element('li', { class: 'search-none', role: 'presentation' }, messageFrom(error))));
}

function dashboardEntry(dashboard: DashboardSummary): Entry {
  return {
    title: dashboard.title,
    detail: dashboard.description,
    href: `/dashboards/${encodeURIComponent(dashboard.uid)}`,
    words: dashboard.tags.join(' '),
  };
}
