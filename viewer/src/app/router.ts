// Moves between pages without loading the document again; the browser's back and forward work.
import { translateUrl } from './links';
import { alertsPage } from './pages/alerts';
import { dashboardListPage } from './pages/dashboard-list';
import { notFoundPage } from './pages/not-found';
import { rulesPage } from './pages/rules';
import { runbookPage } from './pages/runbook';
import { targetsPage } from './pages/targets';
import { dashboardRoute } from './dashboard-route';
import { readRoute, type Route } from './routes';
import type { Shell } from './shell';

export interface PageView {
  element: HTMLElement;
  title: string;
  destroy(): void;
  /** The query of the same path changed: true if the page took it in, else it is opened anew. */
  queryChanged?(): boolean;
}

let shell: Shell | undefined;
let page: PageView | undefined;
let openPath = '';

export function startRouter(to: Shell): void {
  shell = to;
  window.addEventListener('popstate', () => show());
  document.addEventListener('click', followLink);
  show();
}

/** Goes to a page of the viewer, or away to another site. */
export function navigate(url: string, options: { replace?: boolean } = {}): void {
  const to = new URL(url, location.href);
  if (to.origin !== location.origin || readRoute(to.pathname).name === 'not-found') {
    location.assign(to.href);
    return;
  }
  history[options.replace ? 'replaceState' : 'pushState'](null, '', to.pathname + to.search + to.hash);
  show();
}

/** Changes only the query of this page's URL, without opening anything. */
export function setQuery(query: string, options: { replace: boolean }): void {
  if (query === location.search) return;
  history[options.replace ? 'replaceState' : 'pushState'](null, '', location.pathname + query + location.hash);
}

function show(): void {
  if (!shell) return;
  if (page?.queryChanged && location.pathname === openPath && page.queryChanged()) return;
  const first = openPath === '';
  const samePath = location.pathname === openPath;
  page?.destroy();
  openPath = location.pathname;
  const route = readRoute(location.pathname);
  page = openPage(route, shell);
  shell.showPage(page, route.name);
  if (!samePath) window.scrollTo(0, 0);
  // A new page starts at its top for keyboards and screen readers too; the first one keeps the browser's own start.
  if (!first) shell.main.focus({ preventScroll: true });
}

function openPage(route: Route, to: Shell): PageView {
  switch (route.name) {
    case 'dashboards':
      return dashboardListPage();
    case 'dashboard':
      return dashboardRoute(route.uid, to);
    case 'targets':
      return targetsPage(to);
    case 'rules':
      return rulesPage(to);
    case 'alerts':
      return alertsPage(to);
    case 'runbook':
      return runbookPage();
    case 'not-found':
      return notFoundPage(`Nothing is at ${route.path}.`);
  }
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const anchor = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[href]') : null;
  if (!anchor || anchor.hasAttribute('download')) return;
  const href = anchor.getAttribute('href') ?? '';
  if (href.startsWith('#')) return;
  const to = new URL(anchor.href, location.href);
  if (to.origin !== location.origin) return;
  const target = translateUrl(to.pathname + to.search + to.hash, { grafanaUrl: shell?.grafanaUrl() ?? null });
  if (target.href === undefined) {
    event.preventDefault();
    shell?.toast(target.reason);
    return;
  }
  if (anchor.target === '_blank') {
    // The browser would open the address as it is written.
    if (target.href !== href) {
      event.preventDefault();
      window.open(target.href, '_blank', 'noopener');
    }
    return;
  }
  event.preventDefault();
  navigate(target.href);
}
