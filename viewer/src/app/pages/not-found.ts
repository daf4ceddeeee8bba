// Pages for addresses that lead nowhere and for answers that did not come.
import { dashboardList } from '../api';
import { element, replaceChildren } from '../../dom';
import { openSearch } from '../search';
import type { PageView } from '../router';

export function notFoundPage(what: string): PageView {
  const dashboards = element('ul', { class: 'plain-links' });
  const page = element(
    'div',
    { class: 'page message-page' },
    element('h1', {}, 'Page not found'),
    element('p', {}, what),
    element('p', {}, 'These pages are here:'),
    element('ul', { class: 'plain-links' },
      [['/dashboards', 'Dashboards'], ['/targets', 'Targets'], ['/rules', 'Rules'], ['/alerts', 'Alerts'], ['/runbook', 'Runbook']].map(([href, label]) =>
        element('li', {}, element('a', { href }, label)))),
    dashboards,
    element('p', {}, element('button', { type: 'button', class: 'button', onclick: openSearch }, 'Search')),
  );
  dashboardList()
    .then((list) =>
      replaceChildren(dashboards, list.map((dashboard) =>
        element('li', {}, element('a', { href: `/dashboards/${encodeURIComponent(dashboard.uid)}` }, dashboard.title)))))
    .catch(() => undefined);
  return { element: page, title: 'Page not found', destroy: () => undefined };
}

export function problemPage(message: string): PageView {
  return {
    element: element(
      'div',
      { class: 'page message-page', role: 'alert' },
      element('h1', {}, 'This page could not be loaded'),
      element('p', {}, message),
      element('p', {}, element('button', { type: 'button', class: 'button button-primary', onclick: () => location.reload() }, 'Try again')),
    ),
    title: 'Not loaded',
    destroy: () => undefined,
  };
}
