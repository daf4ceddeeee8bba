// Logs: lines with time and level; each opens to its labels and fields.
import { dateTimeFormat } from '@grafana/data';
import type { PanelInput, PanelKind, PanelView } from '../contract';
import { element } from '../../dom';
import { emptyDrawn, panelRoot, setDrawn } from '../shared/drawn';
import { showNoData } from '../shared/no-data';
import { unsupportedOptions } from '../shared/unsupported';
import { commonLabels, type LogLine, logLines, prettyBody, sortLines } from './lines';

interface LogsOptions {
  showTime?: boolean;
  showLabels?: boolean;
  showCommonLabels?: boolean;
  wrapLogMessage?: boolean;
  prettifyLogMessage?: boolean;
  enableLogDetails?: boolean;
  sortOrder?: 'Ascending' | 'Descending';
  dedupStrategy?: string;
}

/** Lines in the page at once; a button adds as many again. */
const LINES_AT_ONCE = 500;

export const logs: PanelKind = {
  create,
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        showTime: true,
        showLabels: true,
        showCommonLabels: true,
        wrapLogMessage: true,
        prettifyLogMessage: true,
        enableLogDetails: true,
        sortOrder: ['Ascending', 'Descending'],
        dedupStrategy: ['none'],
        enableInfiniteScrolling: [false],
        showLogContextToggle: [false],
        showControls: [false],
        syntaxHighlighting: [false],
        detailsMode: ['inline'],
        fontSize: ['default', 'small'],
        timestampResolution: ['ms'],
      },
      {},
    ),
  needsData: true,
};

function create(): PanelView {
  const root = panelRoot('logs');
  const open = new Set<string>();
  let shown = LINES_AT_ONCE;
  let last: PanelInput | undefined;

  function update(input: PanelInput): void {
    last = input;
    const options = input.panel.options as LogsOptions;
    const order = options.sortOrder ?? 'Descending';
    const lines = sortLines(logLines(input.frames), order);
    if (lines.length === 0) {
      setDrawn(root, emptyDrawn('logs'));
      showNoData(root, input);
      return;
    }
    const previous = root.querySelector('.panel-logs');
    const scroll = previous?.scrollTop ?? 0;
    const common = commonLabels(lines);
    const list = element('div', {
      class: `panel-logs ${options.wrapLogMessage === false ? 'panel-logs-nowrap' : ''}`,
      role: 'log',
      'aria-live': 'off',
      tabindex: 0,
      'aria-label': input.panel.title || 'Logs',
    });
    if (options.showCommonLabels && Object.keys(common).length > 0) {
      list.append(element('div', { class: 'panel-logs-common' }, 'Common labels: ', labelList(common)));
    }
    const hasDays = new Date(lines[0]!.time).toDateString() !== new Date(lines[lines.length - 1]!.time).toDateString();
    for (const line of lines.slice(0, shown)) {
      list.append(lineElement(line, options, common, hasDays, input));
    }
    if (lines.length > shown) {
      const more = element('button', { type: 'button', class: 'panel-more' }, `Show more (${shown} of ${lines.length} lines)`);
      more.addEventListener('click', () => {
        shown += LINES_AT_ONCE;
        refresh();
      });
      list.append(more);
    }
    root.replaceChildren(list);
    list.scrollTop = scroll;
    setDrawn(root, {
      ...emptyDrawn('logs'),
      x: lines.map((line) => line.time),
      series: [{ name: 'lines', color: '', values: lines.map((line) => line.body), drawn: [], visible: true }],
    });
  }

  function refresh(): void {
    if (last) {
      update(last);
    }
  }

  function lineElement(line: LogLine, options: LogsOptions, common: Record<string, string>, hasDays: boolean, input: PanelInput): HTMLElement {
    const key = `${line.nanoseconds} ${line.body}`;
    const row = element('div', { class: `panel-log panel-log-${line.level}`, 'data-log-level': line.level });
    const canOpen = options.enableLogDetails !== false;
    const head = canOpen ? element('button', { type: 'button', class: 'panel-log-line', 'aria-expanded': String(open.has(key)) }) : element('div', { class: 'panel-log-line' });
    head.append(element('span', { class: 'panel-log-level', title: line.level }, element('span', { class: 'panel-visually-hidden' }, line.level)));
    if (options.showTime !== false) {
      head.append(element('time', { class: 'panel-log-time', datetime: new Date(line.time).toISOString() }, dateTimeFormat(line.time, { timeZone: input.timeZone, format: hasDays ? 'YYYY-MM-DD HH:mm:ss.SSS' : 'HH:mm:ss.SSS' })));
    }
    if (options.showLabels) {
      head.append(labelList(Object.fromEntries(Object.entries(line.labels).filter(([name]) => !(name in common)))));
    }
    head.append(element('span', { class: 'panel-log-body', 'data-log-body': true }, options.prettifyLogMessage ? prettyBody(line.body) : line.body));
    row.append(head);
    if (canOpen) {
      head.addEventListener('click', () => {
        // Selecting text in a line is no click on it.
        if (getSelection()?.toString()) {
          return;
        }
        if (!open.delete(key)) {
          open.add(key);
        }
        row.querySelector('.panel-log-details')?.remove();
        head.setAttribute('aria-expanded', String(open.has(key)));
        if (open.has(key)) {
          row.append(details(line, input));
        }
      });
      if (open.has(key)) {
        row.append(details(line, input));
      }
    }
    return row;
  }

  return { element: root, update, destroy: () => root.replaceChildren() };
}

function labelList(labels: Record<string, string>): HTMLElement {
  const list = element('span', { class: 'panel-log-labels' });
  for (const [name, value] of Object.entries(labels)) {
    list.append(element('span', { class: 'panel-tag' }, `${name}=${value}`));
  }
  return list;
}

/** Labels, and the fields of a line that is JSON. */
function details(line: LogLine, input: PanelInput): HTMLElement {
  const box = element('div', { class: 'panel-log-details' });
  box.append(detailTable('Labels', { ...line.labels, time: dateTimeFormat(line.time, { timeZone: input.timeZone, format: 'YYYY-MM-DD HH:mm:ss.SSS' }) }));
  const fields = jsonFields(line.body);
  if (Object.keys(fields).length > 0) {
    box.append(detailTable('Fields', fields));
  }
  return box;
}

function detailTable(title: string, values: Record<string, string>): HTMLElement {
  const body = element('tbody');
  for (const [name, value] of Object.entries(values)) {
    body.append(element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value)));
  }
  return element('table', { class: 'panel-log-table' }, element('caption', {}, title), body);
}

function jsonFields(body: string): Record<string, string> {
  try {
    const value: unknown = JSON.parse(body);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      return {};
    }
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, typeof inner === 'string' ? inner : JSON.stringify(inner)]));
  } catch {
    return {};
  }
}
