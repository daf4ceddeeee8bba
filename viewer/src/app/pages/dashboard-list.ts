// All provisioned dashboards: search, tags, and which one is home.
import { dashboardListing, messageFrom, type DashboardListing, type DashboardSummary } from '../api';
import { announce } from '../accessibility';
import { element, replaceChildren } from '../../dom';
import { icon } from '../icons';
import { setQuery, type PageView } from '../router';
import { matchesWords, titleRank } from '../words';

export function dashboardListPage(): PageView {
  const parameters = new URLSearchParams(location.search);
  const tags = new Set(parameters.getAll('tag'));
  let items: DashboardSummary[] = [];

  const input = element('input', {
    type: 'search', class: 'text-input wide', placeholder: 'Search by name, description or tag', 'aria-label': 'Search dashboards',
    value: parameters.get('query') ?? '', autocomplete: 'off', spellcheck: 'false',
  });
  const tagBar = element('div', { class: 'chips', role: 'group', 'aria-label': 'Tags' });
  const faults = element('div', {});
  const list = element('ul', { class: 'dashboard-list', 'aria-busy': 'true' }, Array.from({ length: 3 }, () => element('li', { class: 'sketch-row' })));

  const draw = (): void => {
    const shown = items.filter((item) =>
      [...tags].every((tag) => item.tags.includes(tag)) && matchesWords(`${item.title} ${item.description} ${item.tags.join(' ')}`, input.value));
    shown.sort((a, b) => titleRank(a.title, input.value) - titleRank(b.title, input.value));
    const all = [...new Set(items.flatMap((item) => item.tags))].sort();
    const focusedTag = tagBar.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    replaceChildren(tagBar, all.map((tag) => tagButton(tag, tags.has(tag), () => toggle(tag))));
    for (const button of tagBar.querySelectorAll('button')) if (button.textContent === focusedTag) button.focus();
    replaceChildren(list, shown.map(listRow));
    if (shown.length === 0) {
      list.append(element('li', { class: 'empty' }, items.length === 0 ? 'No dashboard is provisioned.' : 'No dashboard has these words and tags.'));
    }
    announce(`${shown.length} of ${items.length} dashboards`);
  };
  const toggle = (tag: string): void => {
    if (!tags.delete(tag)) tags.add(tag);
    write();
    draw();
  };
  const write = (): void => {
    const query = new URLSearchParams();
    if (input.value) query.set('query', input.value);
    for (const tag of tags) query.append('tag', tag);
    setQuery(query.size > 0 ? `?${query}` : '', { replace: true });
  };
  input.addEventListener('input', () => {
    write();
    draw();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      list.querySelector<HTMLElement>('a')?.focus();
    } else if (event.key === 'Enter') list.querySelector<HTMLElement>('a')?.click();
  });
  list.addEventListener('keydown', (event) => {
    const links = [...list.querySelectorAll<HTMLElement>('a')];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = links.indexOf(document.activeElement as HTMLElement);
    if (!step || at < 0) return;
    event.preventDefault();
    (links[at + step] ?? (step < 0 ? input : undefined))?.focus();
  });

  dashboardListing()
    .then((answer) => {
      items = answer.items;
      replaceChildren(faults, faultList(answer.faults));
      draw();
    })
    .catch((error: unknown) => replaceChildren(list, element('li', { class: 'empty', role: 'alert' }, messageFrom(error))))
    .finally(() => list.removeAttribute('aria-busy'));

  return {
    element: element('div', { class: 'page' },
      element('header', { class: 'page-header' }, element('h1', {}, 'Dashboards'), element('p', {}, 'Each answers one question. They are the files that Grafana is provisioned with.')),
      element('div', { class: 'filters' }, element('label', { class: 'field-icon' }, icon('search'), input), tagBar),
      faults,
      list,
    ),
    title: 'Dashboards',
    destroy: () => undefined,
  };
}

/** The files that are no dashboards, whatever is searched for. */
function faultList(faults: DashboardListing['faults']): HTMLElement | null {
  if (faults.length === 0) return null;
  return element('section', { class: 'faults', 'aria-label': 'Files that cannot be shown' },
    element('h2', {}, icon('alert'), faults.length === 1 ? 'One file cannot be shown' : `${faults.length} files cannot be shown`),
    element('ul', {}, faults.map(({ file, detail }) => element('li', {}, file ? [element('code', {}, file), ' '] : null, detail))));
}

function tagButton(tag: string, pressed: boolean, onclick: () => void): HTMLElement {
  return element('button', { type: 'button', class: 'chip', 'aria-pressed': String(pressed), onclick }, tag);
}

function listRow(item: DashboardSummary): HTMLElement {
  return element('li', {},
    element('a', { class: 'dashboard-row', href: `/dashboards/${encodeURIComponent(item.uid)}` },
      element('span', { class: 'dashboard-row-title' }, item.title, item.home ? element('span', { class: 'badge' }, icon('home'), 'Home') : null),
      element('span', { class: 'dashboard-row-text' }, item.description),
      element('span', { class: 'dashboard-row-tags' }, item.tags.map((tag) => element('span', { class: 'tag' }, tag))),
    ));
}
