// A dashboard's page: toolbar, variables, grid, full screen of one panel, keyboard.
import { createDataLayer, setUpGrafanaData } from '../../data';
import type { Dashboard } from '../../dashboard';
import type { ViewerInfo } from '../api';
import { element, replaceChildren } from '../../dom';
import { bindKeys } from '../keyboard';
import type { PageView } from '../router';
import type { Shell } from '../shell';
import { missingSources } from './away';
import { createGrid } from './grid';
import { dashboardKeys } from './keys';
import { whenDashboardsKnown } from './known-dashboards';
import type { PanelCommands } from './panel-frame';
import { fitWhenPrinted, printAll } from './print';
import { createSession } from './session';
import { createSubBar } from './sub-bar';
import { createToolbar } from './toolbar';

let ready = false;

export function dashboardPage(dashboard: Dashboard, info: ViewerInfo | undefined, shell: Shell): PageView {
  if (!ready) setUpGrafanaData();
  ready = true;
  shell.banners.setMissing(missingSources(dashboard.panels, info));
  const session = createSession(dashboard, info, shell, createDataLayer(globalThis.fetch.bind(globalThis), info));
  const commands: PanelCommands = {
    view: (frame) => session.setView({ viewPanel: session.url.viewPanel ? undefined : frame.item.key }),
    // Few look behind a panel: the code for it comes when someone does.
    inspect: (frame, tab) => void import('./inspect').then(({ openInspect }) => openInspect(session, frame, tab)),
  };
  const grid = createGrid(session, commands);
  const print = (): void => void printAll(grid.frames());
  const toolbar = createToolbar(session, { print, back: () => session.setView({ viewPanel: undefined }), setAllRows: grid.setAllRows });
  const subBar = createSubBar(session);
  const missingPanel = element('div', { class: 'missing-panel', role: 'alert', hidden: true });
  const page = element('div', { class: 'dashboard' }, toolbar.element, subBar.element, missingPanel, grid.element);

  const showMissingPanel = (key: string | undefined): void => {
    missingPanel.hidden = key === undefined;
    grid.element.classList.toggle('viewing-nothing', key !== undefined);
    if (key === undefined) return replaceChildren(missingPanel);
    const back = (): void => session.setView({ viewPanel: undefined });
    replaceChildren(missingPanel,
      element('h2', {}, `This dashboard has no panel “${key.replace(/^panel-/, '')}”.`),
      element('p', {}, 'It may have been taken away since the address was copied.'),
      element('button', { type: 'button', class: 'button button-primary', onclick: back }, 'Back to the dashboard'));
  };
  const showView = (): void => {
    const { viewPanel, kiosk } = session.url;
    if (viewPanel && !grid.find(viewPanel)) grid.setAllRows(false);
    const viewed = viewPanel ? grid.find(viewPanel) : undefined;
    grid.element.classList.toggle('viewing', viewed !== undefined);
    for (const frame of grid.frames()) frame.element.classList.toggle('viewed', frame === viewed);
    document.body.classList.toggle('kiosk', kiosk);
    showMissingPanel(viewPanel !== undefined && viewed === undefined && session.ready ? viewPanel : undefined);
    if (viewed) viewed.element.querySelector<HTMLElement>('.panel')?.focus({ preventScroll: true });
  };
  let lastViewed: string | undefined;
  session.onChange((change) => {
    if (change === 'variables') {
      grid.layOut();
      showView();
    }
    if (change === 'data') for (const frame of grid.frames()) frame.refresh();
    if (change === 'annotations') for (const frame of grid.frames()) frame.redraw();
    if (change === 'view') {
      showView();
      if (lastViewed && !session.url.viewPanel) grid.find(lastViewed)?.element.scrollIntoView({ block: 'nearest' });
      lastViewed = session.url.viewPanel;
    }
    toolbar.update(change);
    subBar.update(change);
  });

  const endPrinting = fitWhenPrinted(grid.frames);
  const unbind = bindKeys(dashboardKeys(session, commands, grid));
  grid.layOut();
  toolbar.update('time');
  whenDashboardsKnown(() => subBar.update('view'));
  // The grid is in the page, and so has its widths, before the first panel asks.
  queueMicrotask(() => {
    showView();
    session.start();
  });

  return {
    element: page,
    title: dashboard.title,
    destroy: () => {
      unbind();
      endPrinting();
      shell.banners.setMissing([]);
      session.destroy();
      toolbar.destroy();
      grid.destroy();
      document.body.classList.remove('kiosk');
    },
    queryChanged: session.queryChanged,
  };
}
