// The head of a panel: title, description, links, marks for errors and for what is not drawn, and its menu.
import { panelKind } from '../../panels';
import type { PanelData } from '../../data/contract';
import { freshId } from '../accessibility';
import { element, replaceChildren, type Child } from '../../dom';
import { icon, type IconName } from '../icons';
import { dashboardListNow } from './known-dashboards';
import { resolveLink } from '../links';
import { attachMenu, attachPopover, type MenuItem } from '../menu';
import { exploreUrl, prometheusUrl } from './outside';
import type { LayoutItem } from './layout';
import { linkState } from './links-bar';
import type { Session } from './session';

export interface PanelHeader {
  element: HTMLElement;
  titleId: string;
  update(): void;
}

interface HeaderInput {
  menu: { view(): void; inspect(tab?: 'data' | 'query' | 'json'): void; reload(): void };
  state(): { item: LayoutItem; data: PanelData | undefined; error: string | undefined };
}

export function createPanelHeader(session: Session, input: HeaderInput): PanelHeader {
  const titleId = freshId('panel-title');
  const title = element('h3', { id: titleId, class: 'panel-title' });
  const time = element('span', { class: 'panel-time' });
  const marks = element('span', { class: 'panel-marks' });
  const menuButton = element('button', { type: 'button', class: 'icon-button panel-menu-button' }, icon('dots'));
  const header = element('header', { class: 'panel-header' }, title, marks, time, element('span', { class: 'grow' }), menuButton);
  let shown = '';

  attachMenu(menuButton, 'Panel menu', () => menuItems(session, input), true);

  const update = (): void => {
    const { item, data, error } = input.state();
    const { panel, scoped } = item;
    const text = panel.title ? session.interpolate(panel.title, scoped) : '';
    title.textContent = text;
    title.title = text;
    menuButton.setAttribute('aria-label', `Menu of ${text || 'the panel'}`);
    header.classList.toggle('untitled', text === '');
    time.textContent = panel.hideTimeOverride ? '' : [panel.timeFrom && `Last ${panel.timeFrom}`, panel.timeShift && `shifted by ${panel.timeShift}`].filter(Boolean).join(', ');
    const description = panel.description ? session.interpolate(panel.description, scoped) : '';
    const unsupported = [...panelKind(panel.type).unsupported(panel), ...(data?.unsupported ?? [])];
    const notices = [...new Set(data?.traces.flatMap((trace) => trace.notices) ?? [])];
    const links = panel.links?.length ?? 0;
    // The marks are built anew only when they say something else: an open box must not lose its button.
    const now = JSON.stringify([text, description, unsupported, notices, error, links]);
    if (now === shown) return;
    shown = now;
    replaceChildren(marks,
      error && markButton('alert', 'error', `Error of ${text}`, (close) => [
        element('p', {}, error),
        element('button', { type: 'button', class: 'button', onclick: () => { close(); input.menu.inspect('query'); } }, 'Inspect the query'),
      ]),
      notices.length > 0 && markButton('info', 'notice', `Notices of ${text}`, () => list('Prometheus says:', notices)),
      unsupported.length > 0 && markButton('slash', 'unsupported', `What is not drawn in ${text}`, () => list('This viewer does not do:', unsupported)),
      links > 0 && linksButton(session, input),
      description && markButton('info', 'info', `Description of ${text}`, () => element('p', {}, description)),
    );
  };
  return { element: header, titleId, update };
}

function markButton(name: IconName, kind: string, label: string, build: (close: () => void) => Child): HTMLElement {
  const button = element('button', { type: 'button', class: `icon-button mark mark-${kind}`, 'aria-label': label, title: label }, icon(name));
  attachPopover(button, build, { label, class: `note note-${kind}`, focusFirst: 'button' });
  return button;
}

function list(intro: string, items: string[]): Child {
  return [element('p', {}, intro), element('ul', {}, items.map((item) => element('li', {}, item)))];
}

function linksButton(session: Session, input: HeaderInput): HTMLElement {
  const button = element('button', { type: 'button', class: 'icon-button mark', 'aria-label': 'Links of the panel', title: 'Links' }, icon('link'));
  attachMenu(button, 'Links of the panel', () => linkItems(session, input));
  return button;
}

function linkItems(session: Session, input: HeaderInput): MenuItem[] {
  const { panel, scoped } = input.state().item;
  const targets = { grafanaUrl: session.info?.grafana_url ?? null, dashboards: dashboardListNow() };
  return (panel.links ?? []).map((link) => {
    // Links of panels carry no type: all are of the kind with a URL.
    const resolved = resolveLink({ ...link, type: 'link' }, linkState(session), targets, (text) => session.interpolate(text, scoped), session.dashboard.uid);
    return { label: resolved.title, icon: 'link', href: resolved.href, newTab: resolved.newTab, disabledReason: resolved.reason };
  });
}

function menuItems(session: Session, input: HeaderInput): MenuItem[] {
  const { data } = input.state();
  const viewing = session.url.viewPanel !== undefined;
  const prometheus = prometheusUrl(session, data);
  const explore = exploreUrl(session, input.state().item, data);
  return [
    { label: viewing ? 'Back to the dashboard' : 'View', icon: 'eye', keys: 'v', run: input.menu.view },
    { label: 'Inspect data', icon: 'inspect', keys: 'i', run: () => input.menu.inspect('data') },
    { label: 'Inspect query', icon: 'inspect', run: () => input.menu.inspect('query') },
    { label: 'Panel JSON', icon: 'inspect', run: () => input.menu.inspect('json') },
    { label: 'Load again', icon: 'refresh', run: input.menu.reload },
    ...(prometheus ? [{ label: 'Open in Prometheus', icon: 'external', href: prometheus, newTab: true } as MenuItem] : []),
    ...(explore ? [{ label: 'Explore in Grafana', icon: 'external', href: explore, newTab: true } as MenuItem] : []),
  ];
}
