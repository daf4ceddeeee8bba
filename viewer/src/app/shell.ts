// What stands around every page: the top bar, banners, the main part and the line at the bottom.
import { dashboardList, viewerInfo, type ViewerInfo } from './api';
import { createBanners, type Banners } from './banners';
import { announce, freshId } from './accessibility';
import { element, replaceChildren } from '../dom';
import { openHelp } from './help';
import { icon } from './icons';
import { bindKeys } from './keyboard';
import { attachMenu } from './menu';
import { navigate, type PageView } from './router';
import { outsideLink } from './outside-link';
import { openSearch } from './search';
import { chooseTheme, chosenTheme, toggleTheme } from './theme';

export interface Shell {
  main: HTMLElement;
  banners: Banners;
  showPage(page: PageView, route: string): void;
  setTitle(title: string): void;
  /** A short message at the bottom that goes away by itself. */
  toast(message: string): void;
  grafanaUrl(): string | null;
}

const pages = [
  { route: 'dashboards', href: '/dashboards', label: 'Dashboards' },
  { route: 'runbook', href: '/runbook', label: 'Runbook' },
];
/** What Prometheus itself says, without a dashboard. */
const prometheusPages = [
  { route: 'targets', href: '/targets', label: 'Targets' },
  { route: 'rules', href: '/rules', label: 'Rules' },
  { route: 'alerts', href: '/alerts', label: 'Firing alerts' },
];

export function buildShell(root: HTMLElement): Shell {
  let info: ViewerInfo | undefined;
  const main = element('main', { id: 'main', tabindex: -1 });
  const banners = createBanners();
  const toLink = (page: (typeof pages)[number]): HTMLAnchorElement => element('a', { href: page.href, 'data-route': page.route }, page.label);
  const [own, prometheus] = [pages.map(toLink), prometheusPages.map(toLink)];
  const links = [...own, ...prometheus];
  const groupId = freshId('pages');
  const outside = element('span', { class: 'top-outside' });
  const about = element('p', {}, 'Belfry’s viewer of the provisioned dashboards: it reads them and changes nothing.');
  const toasts = element('div', { class: 'toasts', role: 'status' });

  root.append(
    element('header', { class: 'top' },
      element('a', { class: 'brand', href: '/', 'aria-label': 'Belfry: home dashboard', onclick: followBrand }, brandMark(), element('span', {}, 'Belfry')),
      element('nav', { class: 'top-pages', 'aria-label': 'Pages' }, own,
        element('span', { class: 'top-group', role: 'group', 'aria-labelledby': groupId }, element('span', { class: 'top-group-name', id: groupId }, 'Prometheus'), prometheus)),
      element('span', { class: 'grow' }),
      searchButton(),
      outside,
      themeButton(),
      element('button', { type: 'button', class: 'icon-button help-button', title: 'Keyboard shortcuts (?)', 'aria-label': 'Keyboard shortcuts', onclick: openHelp }, icon('help')),
    ),
    banners.element,
    main,
    element('footer', { class: 'bottom' }, about),
    toasts,
  );

  viewerInfo()
    .then((answer) => {
      info = answer;
      banners.showInfo(answer);
      showOutside(outside, about, answer);
    })
    .catch(() => banners.showUnreachable());

  bindKeys([
    { keys: '?', description: 'Show these shortcuts', group: 'Everywhere', run: openHelp },
    { keys: '/', description: 'Search dashboards and pages', group: 'Everywhere', run: openSearch },
    { keys: 'ctrl+k', description: 'Search dashboards and pages', group: 'Everywhere', run: openSearch, evenTyping: true },
    { keys: 'g h', description: 'Go to the home dashboard', group: 'Everywhere', run: () => void goHome() },
    { keys: 'g d', description: 'Go to all dashboards', group: 'Everywhere', run: () => navigate('/dashboards') },
    { keys: 'g t', description: 'Go to targets', group: 'Everywhere', run: () => navigate('/targets') },
    { keys: 'g r', description: 'Go to rules', group: 'Everywhere', run: () => navigate('/rules') },
    { keys: 'g a', description: 'Go to the firing alerts', group: 'Everywhere', run: () => navigate('/alerts') },
    { keys: 'g b', description: 'Go to the runbook', group: 'Everywhere', run: () => navigate('/runbook') },
    { keys: 'd t', description: 'Change between dark and light', group: 'Everywhere', run: toggleTheme },
    { keys: 'c t', description: 'Change between dark and light', group: 'Everywhere', run: toggleTheme },
  ]);

  const setTitle = (title: string): void => {
    document.title = `${title} - Belfry`;
  };
  return {
    main,
    banners,
    setTitle,
    showPage: (page, route) => {
      document.body.classList.remove('kiosk');
      for (const link of links) {
        const current = link.dataset.route === (route === 'dashboard' ? 'dashboards' : route);
        if (current) link.setAttribute('aria-current', location.pathname === link.pathname ? 'page' : 'true');
        else link.removeAttribute('aria-current');
      }
      replaceChildren(main, page.element);
      setTitle(page.title);
      announce(page.title);
    },
    toast: (message) => {
      const toast = element('div', { class: 'toast' }, icon('info'), message);
      toasts.append(toast);
      setTimeout(() => toast.remove(), 6000);
    },
    grafanaUrl: () => info?.grafana_url ?? null,
  };
}

async function goHome(): Promise<void> {
  const home = await dashboardList().then((list) => list.find((dashboard) => dashboard.home), () => undefined);
  navigate(home ? `/dashboards/${encodeURIComponent(home.uid)}` : '/dashboards');
}

/** The server leads from `/` to the home dashboard, and so does a plain click, without loading the page anew. */
function followBrand(event: MouseEvent): void {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  void goHome();
}

function searchButton(): HTMLElement {
  return element(
    'button',
    { type: 'button', class: 'search-button', 'aria-keyshortcuts': 'Control+K', onclick: openSearch },
    icon('search'), element('span', {}, 'Search…'), element('kbd', {}, 'ctrl+k'),
  );
}

function themeButton(): HTMLElement {
  const button = element('button', { type: 'button', class: 'icon-button', title: 'Theme (d t)', 'aria-label': 'Theme' }, icon('moon'), icon('sun'));
  attachMenu(button, 'Theme', () => [
    { label: 'As the system', checked: chosenTheme() === undefined, run: () => chooseTheme(undefined) },
    { label: 'Dark', checked: chosenTheme() === 'dark', run: () => chooseTheme('dark') },
    { label: 'Light', checked: chosenTheme() === 'light', run: () => chooseTheme('light') },
  ]);
  return button;
}

function showOutside(outside: HTMLElement, about: HTMLElement, info: ViewerInfo): void {
  replaceChildren(outside, outsideLink('Grafana', info.grafana_url));
  replaceChildren(
    about,
    'Belfry’s viewer of the provisioned dashboards: it reads them and changes nothing. ',
    info.grafana_url ? ['To explore and edit, open ', outsideLink('Grafana', info.grafana_url), '. '] : 'Grafana draws the same files where it runs. ',
    element('span', { class: 'bottom-version' }, `${info.service} ${info.version}, ${info.environment}`),
  );
}

/** A bell in a tower, from the name. */
function brandMark(): SVGSVGElement {
  const mark = icon('bell');
  mark.classList.add('brand-mark');
  return mark;
}
