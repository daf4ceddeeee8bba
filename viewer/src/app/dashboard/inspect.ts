// What stands behind a panel: its data as a table and as CSV, each query with variables filled in, answers, timings, JSON.
import { formattedValueToString, getFieldDisplayName, type DataFrame } from '@grafana/data';
import type { QueryTrace } from '../../data/contract';
import { openDialog } from '../dialog';
import { freshId } from '../accessibility';
import { element, replaceChildren, type Child } from '../../dom';
import { icon } from '../icons';
import { columnNames, fileName, frameToCsv, joinSeries, plainValue } from './csv';
import type { PanelFrame } from './panel-frame';
import type { Session } from './session';

type Tab = 'data' | 'query' | 'json';

const tabs: [Tab, string][] = [['data', 'Data'], ['query', 'Query'], ['json', 'Panel JSON']];
/** More rows than a person reads; the CSV has all. */
const tableRows = 500;
const rawCharacters = 200_000;

export function openInspect(session: Session, frame: PanelFrame, first: Tab = frame.error ? 'query' : 'data'): void {
  const title = session.interpolate(frame.item.panel.title ?? 'Panel', frame.item.scoped);
  const panelId = freshId('inspect');
  const body = element('div', { id: panelId, class: 'inspect-body', role: 'tabpanel', tabindex: 0 });
  const buttons = tabs.map(([tab, label]) =>
    element('button', { type: 'button', role: 'tab', 'aria-controls': panelId, 'data-tab': tab, onclick: () => show(tab) }, label));
  const show = (tab: Tab): void => {
    for (const button of buttons) {
      const selected = button.dataset.tab === tab;
      button.setAttribute('aria-selected', String(selected));
      button.tabIndex = selected ? 0 : -1;
    }
    body.setAttribute('aria-label', tabs.find(([name]) => name === tab)?.[1] ?? '');
    replaceChildren(body, tab === 'data' ? dataTab(frame, title) : tab === 'query' ? queryTab(frame) : jsonTab(frame));
  };
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = buttons.findIndex((button) => button === document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next?.focus();
    next?.click();
  };
  openDialog(`Inspect: ${title}`, { class: 'inspect' },
    frame.error ? element('p', { class: 'error-text' }, frame.error) : null,
    element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Inspect', onkeydown: move }, buttons), body);
  show(first);
  buttons.find((button) => button.tabIndex === 0)?.focus();
}

function dataTab(panel: PanelFrame, title: string): Child {
  const frames = panel.data?.frames ?? [];
  if (frames.length === 0) return element('p', { class: 'empty' }, panel.error ?? 'The panel has no data.');
  const joined = joinSeries(frames);
  const choices = [
    ...(joined ? [{ name: `All ${frames.length} series`, frame: joined, all: [joined] }] : []),
    ...frames.map((frame, index) => ({ name: frameName(frame, frames, index), frame, all: frames })),
  ];
  const place = element('div', {});
  let formatted = true;
  const chosen = (): (typeof choices)[number] => choices[Number(select.value)] ?? choices[0]!;
  const draw = (): void => replaceChildren(place, frameTable(chosen().frame, chosen().all, formatted));
  const select = element('select', { class: 'text-input', 'aria-label': 'Series', onchange: () => draw() },
    choices.map(({ name }, index) => element('option', { value: index }, name)));
  const box = element('input', { type: 'checkbox', class: 'switch', role: 'switch', checked: true, onchange: () => { formatted = box.checked; draw(); } });
  const download = (): void => saveText(fileName(title, new Date()), frameToCsv(chosen().frame, chosen().all));
  draw();
  return [
    element('div', { class: 'filters' }, choices.length > 1 ? select : null, element('label', { class: 'annotation-toggle' }, box, 'With units'), element('span', { class: 'grow' }),
      element('button', { type: 'button', class: 'button button-primary', title: 'Values without units, all rows', onclick: download }, icon('download'), 'Download CSV')),
    place,
  ];
}

function frameName(frame: DataFrame, all: DataFrame[], index: number): string {
  const value = frame.fields.find((field) => field.type !== 'time');
  const name = frame.fields.length === 2 && value ? getFieldDisplayName(value, frame, all) : (frame.name ?? frame.refId);
  return name || `Series ${index + 1}`;
}

function frameTable(frame: DataFrame, all: DataFrame[], formatted: boolean): Child {
  const rows = Math.min(frame.length, tableRows);
  return [
    element('div', { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': 'Data' },
      element('table', { class: 'data-table' },
        element('thead', {}, element('tr', {}, columnNames(frame, all).map((name) => element('th', { scope: 'col' }, name)))),
        element('tbody', {}, Array.from({ length: rows }, (_, row) =>
          element('tr', {}, frame.fields.map((field) => {
            const value: unknown = field.values[row];
            const text = formatted && field.display ? formattedValueToString(field.display(value)) : plainValue(field.type, value);
            return element('td', { class: field.type === 'number' ? 'number' : undefined }, text);
          })))))),
    element('p', { class: 'hint' }, rows < frame.length ? `The first ${rows} of ${frame.length} rows; the CSV has all.` : `${frame.length} rows.`),
  ];
}

function queryTab(panel: PanelFrame): Child {
  const traces = panel.data?.traces ?? [];
  if (traces.length === 0) return element('p', { class: 'empty' }, panel.error ?? 'This panel asks nothing.');
  return traces.map(traceView);
}

function traceView(trace: QueryTrace): HTMLElement {
  const facts = [`HTTP ${trace.status}`, `${Math.round(trace.durationMs)} ms`, byteText(trace.bytes)].join(', ');
  const raw = element('details', { class: 'more' }, element('summary', {}, 'Raw answer'));
  // Large answers are laid out only when someone looks.
  raw.addEventListener('toggle', () => raw.append(element('pre', { class: 'expression raw', tabindex: 0, 'aria-label': 'Raw answer' }, readable(trace.raw))), { once: true });
  return element('section', { class: 'trace' },
    element('h3', {}, `Query ${trace.refId}`, element('span', { class: 'muted' }, facts)),
    element('pre', { class: 'expression', tabindex: 0, 'aria-label': `Expression of query ${trace.refId}` }, trace.expression),
    trace.error ? element('p', { class: 'error-text' }, trace.error) : null,
    trace.notices.map((notice) => element('p', { class: 'notice-text' }, notice)),
    element('p', { class: 'trace-url' }, trace.url),
    raw);
}

function readable(text: string): string {
  if (text.length > rawCharacters) return `${text.slice(0, rawCharacters)}\n… cut, ${text.length} characters in all`;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function byteText(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function jsonTab(panel: PanelFrame): Child {
  return element('pre', { class: 'expression raw', tabindex: 0, 'aria-label': 'Panel JSON' }, JSON.stringify(panel.item.panel, null, 2));
}

function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const anchor = element('a', { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
