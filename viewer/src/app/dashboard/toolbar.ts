// The bar at the top of a dashboard: its name, the time range, refresh, and more.
import { element, replaceChildren } from '../../dom';
import { icon } from '../icons';
import { attachMenu, attachPopover } from '../menu';
import { spanOf } from './keys';
import type { Change, Session } from './session';
import { absoluteRange, describeRange, inputText, intervalMilliseconds, shiftSpan, toTimeRange, zoomOutSpan } from './time';
import { timePickerContent } from './time-picker';

export interface Toolbar {
  element: HTMLElement;
  update(change: Change): void;
  destroy(): void;
}

export interface ToolbarCommands {
  print(): void;
  back(): void;
  setAllRows(collapsed: boolean): void;
}

const defaultIntervals = ['5s', '10s', '30s', '1m', '5m', '15m', '30m', '1h', '2h', '1d'];

export function createToolbar(session: Session, commands: ToolbarCommands): Toolbar {
  const { dashboard } = session;
  const timeText = element('span', {});
  const zoneText = element('span', { class: 'time-zone' });
  const timeButton = element('button', { type: 'button', class: 'button time-button' }, icon('clock'), timeText, zoneText, icon('chevronDown'));
  attachPopover(timeButton, (close) => timePickerContent(session, close), { label: 'Time range', class: 'time-box', focusFirst: '[data-first]' });

  const intervalText = element('span', {});
  const intervalButton = element('button', { type: 'button', class: 'button' }, intervalText, icon('chevronDown'));
  attachMenu(intervalButton, 'Refresh interval', () => {
    const intervals = dashboard.timepicker?.refresh_intervals ?? defaultIntervals;
    const all = ['off', ...intervals.filter((interval) => intervalMilliseconds(interval) !== undefined)];
    return all.map((interval) => ({ label: interval === 'off' ? 'Off' : `Every ${interval}`, checked: session.refresh === interval, run: () => session.setRefresh(interval) }));
  });

  const refreshButton = iconButton('refresh', 'Load again (r)', session.reload);
  const moreButton = element('button', { type: 'button', class: 'button', 'aria-label': 'More', title: 'More' }, icon('dots'));
  attachMenu(moreButton, 'More', () => [
    { label: 'Hide the bars', icon: 'expand', keys: 'd k', run: () => session.setView({ kiosk: true }) },
    { label: 'Open all rows', icon: 'chevronDown', keys: 'd E', run: () => commands.setAllRows(false) },
    { label: 'Close all rows', icon: 'chevronRight', keys: 'd C', run: () => commands.setAllRows(true) },
    { label: 'Copy the address', icon: 'link', run: () => void copyAddress(session) },
    { label: 'Print', icon: 'print', run: commands.print },
    ...(session.info?.grafana_url
      ? [{ label: 'Open in Grafana', icon: 'external' as const, newTab: true, href: `${session.info.grafana_url.replace(/\/+$/, '')}/d/${encodeURIComponent(dashboard.uid)}${location.search}` }]
      : []),
  ]);

  const printTime = element('span', { class: 'print-time' });
  const back = element('button', { type: 'button', class: 'button', onclick: commands.back }, icon('chevronLeft'), 'Back to the dashboard');
  const heading = element('div', { class: 'dashboard-heading' },
    element('a', { class: 'crumb', href: '/dashboards' }, 'Dashboards'), element('span', { class: 'crumb-sign', 'aria-hidden': 'true' }, '/'),
    element('h1', { title: dashboard.description }, dashboard.title),
    printTime, back);
  const leaveKiosk = iconButton('close', 'Show the bars (Esc)', () => session.setView({ kiosk: false }));
  leaveKiosk.classList.add('leave-kiosk');

  const shift = (direction: -1 | 1): void => session.zoom(shiftSpan(spanOf(session), direction, Date.now()));
  const toolbar = element('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Dashboard' },
    heading,
    element('span', { class: 'grow' }),
    dashboard.timepicker?.hidden ? null : element('div', { class: 'button-group', role: 'group', 'aria-label': 'Time' },
      iconButton('chevronLeft', 'Back by half of the range (t ←)', () => shift(-1)), timeButton,
      iconButton('chevronRight', 'Forward by half of the range (t →)', () => shift(1)),
      iconButton('zoomOut', 'Zoom out (t z)', () => session.zoom(zoomOutSpan(spanOf(session), Date.now())))),
    element('div', { class: 'button-group', role: 'group', 'aria-label': 'Refresh' }, refreshButton, intervalButton),
    moreButton,
    leaveKiosk);

  const showTime = (): void => {
    timeText.textContent = describeRange(session.raw, session.timeZone, dashboard.timepicker?.quick_ranges);
    const { from, to } = absoluteRange({ from: toTimeRange(session.raw, session.timeZone).from.valueOf(), to: session.range.to.valueOf() });
    timeButton.title = `${inputText(from, session.timeZone)} to ${inputText(to, session.timeZone)}`;
    printTime.textContent = `${timeButton.title}${session.timeZone === 'utc' ? ' UTC' : ''}`;
    timeButton.setAttribute('aria-label', `Time range: ${timeText.textContent}`);
    zoneText.textContent = session.timeZone === 'utc' ? 'UTC' : '';
  };
  const showRefresh = (): void => {
    intervalText.textContent = session.refresh === 'off' ? '' : session.refresh;
    // What is written on the button is part of its name, so that it can be spoken.
    intervalButton.setAttribute('aria-label', `Refresh interval ${intervalText.textContent}`.trimEnd());
    intervalButton.title = session.refresh === 'off' ? 'Does not refresh by itself' : `Refreshes every ${session.refresh} while this tab is shown`;
  };
  const showView = (): void => {
    const viewing = session.url.viewPanel !== undefined;
    back.hidden = !viewing;
  };
  showTime();
  showRefresh();
  showView();
  return {
    element: toolbar,
    update: (change) => {
      if (change === 'time' || change === 'data') showTime();
      if (change === 'refresh') showRefresh();
      if (change === 'view') showView();
    },
    destroy: () => replaceChildren(toolbar),
  };
}

function iconButton(name: Parameters<typeof icon>[0], label: string, run: () => void): HTMLButtonElement {
  return element('button', { type: 'button', class: 'button', 'aria-label': label.replace(/ \(.*\)$/, ''), title: label, onclick: run }, icon(name));
}

async function copyAddress(session: Session): Promise<void> {
  // An absolute range, so that the receiver sees the same.
  const url = new URL(location.href);
  const { from, to } = absoluteRange(spanOf(session));
  url.searchParams.set('from', from);
  url.searchParams.set('to', to);
  try {
    await navigator.clipboard.writeText(url.href);
    session.shell.toast('Copied, with the present range of time fixed.');
  } catch {
    session.shell.toast('The browser does not let this page write to the clipboard.');
  }
}
