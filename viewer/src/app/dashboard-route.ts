// Opens a dashboard's page: its JSON and the code that draws it are fetched side by side.
import { dashboardList, fetchDashboard, messageFrom, RequestError, viewerInfo } from './api';
import { element, replaceChildren } from '../dom';
import { notFoundPage, problemPage } from './pages/not-found';
import type { PageView } from './router';
import type { Shell } from './shell';

export function dashboardRoute(uid: string, shell: Shell): PageView {
  const controller = new AbortController();
  const place = element('div', { class: 'page-place', 'aria-busy': 'true' }, loadingSketch());
  let page: PageView | undefined;

  const dashboard = fetchDashboard(uid, controller.signal);
  const code = import('./dashboard/page');
  // The list only serves links and search: the page does not wait for it.
  dashboardList().catch(() => undefined);

  Promise.all([dashboard, code, viewerInfo().catch(() => undefined)])
    .then(([json, { dashboardPage }, info]) => {
      if (controller.signal.aborted) return;
      page = dashboardPage(json, info, shell);
      replaceChildren(place, page.element);
      shell.setTitle(page.title);
    })
    .catch((error: unknown) => {
      if (controller.signal.aborted) return;
      const missing = error instanceof RequestError && error.status === 404;
      page = missing ? notFoundPage(`No provisioned dashboard has the uid “${uid}”.`) : problemPage(messageFrom(error));
      replaceChildren(place, page.element);
      shell.setTitle(page.title);
    })
    .finally(() => place.removeAttribute('aria-busy'));

  return {
    element: place,
    title: 'Dashboard',
    destroy: () => {
      controller.abort();
      page?.destroy();
    },
    queryChanged: () => page?.queryChanged?.() ?? false,
  };
}

/** The shape of a dashboard, so that the page does not jump when it comes. */
function loadingSketch(): HTMLElement {
  return element(
    'div',
    { class: 'sketch', role: 'status', 'aria-label': 'Loading the dashboard' },
    element('div', { class: 'sketch-bar' }),
    Array.from({ length: 6 }, () => element('div', { class: 'sketch-stat' })),
    Array.from({ length: 4 }, () => element('div', { class: 'sketch-graph' })),
  );
}
