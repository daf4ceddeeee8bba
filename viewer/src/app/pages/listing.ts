// What the pages of targets, rules and alerts share: load and reload, filter by text and state, groups that open and close.
import { messageFrom, RequestError, viewerInfo, type ViewerInfo } from '../api';
import { element, replaceChildren, type Child } from '../../dom';
import { icon } from '../icons';
import { bindKeys } from '../keyboard';
import { outsideLink } from '../outside-link';
import { setQuery, type PageView } from '../router';
import type { Shell } from '../shell';

export interface StateFilter {
  value: string;
  label: string;
  count: number;
}

export interface Listing<T> {
  title: string;
  description: string;
  placeholder: string;
  /** The program whose own pages say more, where its address is known. */
  outside: { name: string; address(info: ViewerInfo): string | null };
  load(signal: AbortSignal): Promise<T>;
  states(data: T): StateFilter[];
  /** The groups that match; `state` is empty for all. */
  draw(data: T, filter: { text: string; state: string }): Child;
}

const reloadEveryMs = 15_000;

export function listingPage<T>(shell: Shell, listing: Listing<T>): PageView {
  const parameters = new URLSearchParams(location.search);
  let state = parameters.get('state') ?? '';
  let data: T | undefined;
  let controller = new AbortController();

  const input = element('input', {
    type: 'search', class: 'text-input', placeholder: listing.placeholder, 'aria-label': listing.placeholder,
    value: parameters.get('search') ?? '', autocomplete: 'off', spellcheck: 'false',
  });
  const states = element('div', { class: 'chips', role: 'group', 'aria-label': 'State' });
  const content = element('div', { class: 'listing', 'aria-busy': 'true' }, Array.from({ length: 4 }, () => element('div', { class: 'sketch-row' })));
  const outside = element('span', { class: 'page-outside' });
  viewerInfo()
    .then((info) => replaceChildren(outside, outsideLink(listing.outside.name, listing.outside.address(info))))
    // That the server does not answer is said of what the page lists.
    .catch(() => undefined);
  const updated = element('span', { class: 'muted updated' });

  const draw = (): void => {
    if (data === undefined) return;
    const all = listing.states(data);
    const pressed = states.contains(document.activeElement) ? state : undefined;
    replaceChildren(states, all.map((filter) =>
      element('button', { type: 'button', class: 'chip', 'aria-pressed': String(state === filter.value), 'data-value': filter.value, onclick: () => choose(filter.value) },
        filter.label, element('span', { class: 'chip-count' }, filter.count))));
    if (pressed !== undefined) states.querySelector<HTMLElement>(`[data-value="${CSS.escape(pressed)}"]`)?.focus();
    const closed = new Set([...content.querySelectorAll<HTMLDetailsElement>('details')].filter((group) => !group.open).map((group) => group.dataset.key));
    const opened = new Set([...content.querySelectorAll<HTMLDetailsElement>('details[open]')].map((group) => group.dataset.key));
    replaceChildren(content, listing.draw(data, { text: input.value, state }));
    for (const group of content.querySelectorAll<HTMLDetailsElement>('details')) {
      if (closed.has(group.dataset.key)) group.open = false;
      if (opened.has(group.dataset.key)) group.open = true;
    }
    if (!content.hasChildNodes()) content.append(element('p', { class: 'empty' }, 'Nothing matches.'));
  };
  const choose = (value: string): void => {
    state = state === value ? '' : value;
    write();
    draw();
  };
  const write = (): void => {
    const query = new URLSearchParams();
    if (input.value) query.set('search', input.value);
    if (state) query.set('state', state);
    setQuery(query.size > 0 ? `?${query}` : '', { replace: true });
  };
  const load = async (): Promise<void> => {
    controller.abort();
    controller = new AbortController();
    const { signal } = controller;
    try {
      const answer = await listing.load(signal);
      if (signal.aborted) return;
      data = answer;
      updated.textContent = `Updated ${new Date().toLocaleTimeString()}`;
      shell.banners.sourceAnswered('prometheus');
      draw();
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RequestError && error.code === 'viewer_unreachable') shell.banners.showUnreachable();
      else if (error instanceof RequestError && error.code) shell.banners.sourceAway('prometheus', error.code, error.message);
      if (data === undefined) replaceChildren(content, element('p', { class: 'empty', role: 'alert' }, messageFrom(error)));
      updated.textContent = 'Not updated: ' + messageFrom(error);
    } finally {
      content.removeAttribute('aria-busy');
    }
  };
  const setAll = (open: boolean): void => {
    for (const group of content.querySelectorAll<HTMLDetailsElement>('details')) group.open = open;
  };
  input.addEventListener('input', () => {
    write();
    draw();
  });
  const timer = setInterval(() => {
    if (!document.hidden) void load();
  }, reloadEveryMs);
  const unbind = bindKeys([{ keys: 'r', description: 'Load again', group: 'Everywhere', run: () => void load() }]);
  void load();

  const smallButton = (label: string, run: () => void): HTMLElement => element('button', { type: 'button', class: 'button', onclick: run }, label);
  return {
    element: element('div', { class: 'page' },
      element('header', { class: 'page-header' }, element('h1', {}, listing.title), element('p', {}, listing.description, ' ', outside)),
      element('div', { class: 'filters' },
        element('label', { class: 'field-icon' }, icon('search'), input), states, element('span', { class: 'grow' }), updated,
        smallButton('Open all', () => setAll(true)), smallButton('Close all', () => setAll(false)),
        element('button', { type: 'button', class: 'button', 'aria-label': 'Load again', title: 'Load again (r)', onclick: () => void load() }, icon('refresh')),
      ),
      content,
    ),
    title: listing.title,
    destroy: () => {
      controller.abort();
      clearInterval(timer);
      unbind();
    },
  };
}

/** A group with a heading that opens and closes it. `key` remembers that over reloads. */
export function group(key: string, open: boolean, summary: Child, ...content: Child[]): HTMLElement {
  return element('details', { class: 'group', 'data-key': key, open }, element('summary', {}, icon('chevronRight'), element('span', { class: 'group-summary' }, summary)), content);
}

/** A table that scrolls sideways by itself on narrow screens, with the headings repeated in each cell for those. */
export function table(label: string, headings: string[], rows: Child[][], kind = ''): HTMLElement {
  return element('div', { class: 'table-scroll', role: 'region', 'aria-label': label, tabindex: 0 },
    element('table', { class: `listing-table ${kind}` },
      element('thead', {}, element('tr', {}, headings.map((heading) => element('th', { scope: 'col' }, heading)))),
      element('tbody', {}, rows.map((cells) =>
        element('tr', {}, cells.map((cell, index) => element('td', { 'data-heading': headings[index] }, cell)))))));
}
