// The legend of graphs and pies: a list or a table with calculations, below or at the right.
import { element } from '../../dom';
import { calcName, type LegendCalc, sortLegend } from './calcs';
import { hiddenAfterClick } from './visibility';

export interface LegendEntry {
  name: string;
  color: string;
  calcs: LegendCalc[];
  /** Drawn against the right axis. */
  rightAxis?: boolean;
  dashed?: boolean;
}

export interface LegendOptions {
  showLegend?: boolean;
  displayMode?: 'list' | 'table' | 'hidden';
  placement?: 'bottom' | 'right';
  calcs?: string[];
  sortBy?: string;
  sortDesc?: boolean;
  width?: number | string;
  asTable?: boolean;
}

export interface LegendModel {
  options: LegendOptions;
  entries: LegendEntry[];
  /** Columns of a table, when they are not the calculations of the options. */
  columns?: { id: string; name: string }[];
  hidden: ReadonlySet<string>;
  onHiddenChange?: (hidden: Set<string>) => void;
  onSortChange?: (sortBy: string, descending: boolean) => void;
  onHover?: (name: string | undefined) => void;
}

export function isLegendShown(options: LegendOptions | undefined): boolean {
  return Boolean(options && options.showLegend !== false && options.displayMode !== 'hidden');
}

export function buildLegend(model: LegendModel): HTMLElement {
  const { options } = model;
  const entries = sortLegend(model.entries, options.sortBy, Boolean(options.sortDesc));
  const isTable = options.displayMode === 'table' || Boolean(options.asTable);
  const place = options.placement === 'right' ? 'right' : 'bottom';
  const box = element('div', {
    class: `panel-legend panel-legend-${place} panel-legend-${isTable ? 'table' : 'list'}`,
    'data-legend': isTable ? 'table' : 'list',
  });
  box.append(isTable ? legendTable(model, entries) : legendList(model, entries));
  return box;
}

function legendList(model: LegendModel, entries: LegendEntry[]): HTMLElement {
  const list = element('ul', { class: 'panel-legend-items' });
  for (const entry of entries) {
    const item = element('li', { class: 'panel-legend-item', 'data-legend-row': entry.name }, entryButton(model, entry));
    for (const calc of entry.calcs) {
      item.append(element('span', { class: 'panel-legend-calc', 'data-calc': calc.id }, `${calc.name}: ${calc.text}`));
    }
    list.append(item);
  }
  return list;
}

function legendTable(model: LegendModel, entries: LegendEntry[]): HTMLElement {
  const columns = model.columns ?? (model.options.calcs ?? []).map((id) => ({ id, name: calcName(id) }));
  const head = element('tr', {}, sortHeading(model, 'Name', true));
  // Filled by `placeLegend` where not all rows have room.
  head.firstElementChild!.append(element('span', { class: 'panel-legend-count', 'data-legend-count': true, hidden: true }));
  for (const column of columns) {
    head.append(sortHeading(model, column.name, false));
  }
  const body = element('tbody');
  for (const entry of entries) {
    const row = element('tr', { 'data-legend-row': entry.name }, element('td', {}, entryButton(model, entry)));
    for (const column of columns) {
      const calc = entry.calcs.find((candidate) => candidate.id === column.id);
      row.append(element('td', { class: 'panel-legend-number', 'data-calc': column.id }, calc?.text ?? ''));
    }
    body.append(row);
  }
  return element('table', {}, element('thead', {}, head), body);
}

function sortHeading(model: LegendModel, name: string, isName: boolean): HTMLElement {
  const { sortBy, sortDesc } = model.options;
  const isSorted = sortBy === name;
  const button = element('button', { type: 'button', class: 'panel-legend-sort' }, name);
  if (isSorted) {
    button.append(element('span', { class: 'panel-sort-arrow', 'aria-hidden': 'true' }, sortDesc ? '▼' : '▲'));
  }
  button.addEventListener('click', () => model.onSortChange?.(name, isSorted ? !sortDesc : true));
  return element(
    'th',
    { scope: 'col', class: isName ? 'panel-legend-name-head' : 'panel-legend-number', 'aria-sort': isSorted ? (sortDesc ? 'descending' : 'ascending') : undefined },
    button,
  );
}

function entryButton(model: LegendModel, entry: LegendEntry): HTMLElement {
  const isHidden = model.hidden.has(entry.name);
  const swatch = element('span', { class: entry.dashed ? 'panel-line-swatch panel-line-dashed' : 'panel-line-swatch', 'aria-hidden': 'true' });
  swatch.style.color = entry.color;
  const button = element(
    'button',
    {
      type: 'button',
      class: isHidden ? 'panel-legend-entry panel-legend-hidden' : 'panel-legend-entry',
      title: entry.name,
      'aria-pressed': String(!isHidden),
      'aria-label': entry.name.trim() === '' ? 'Series without a name' : undefined,
    },
    swatch,
    element('span', { class: 'panel-legend-name' }, entry.rightAxis ? `${entry.name} (right y-axis)` : entry.name),
  );
  if (model.onHiddenChange) {
    const change = model.onHiddenChange;
    // Click and, as it is a button, Enter and the space bar.
    button.addEventListener('click', (event) => {
      change(hiddenAfterClick(model.entries.map((other) => other.name), model.hidden, entry.name, event.ctrlKey || event.metaKey || event.shiftKey));
    });
  } else {
    button.disabled = true;
  }
  if (model.onHover) {
    const hover = model.onHover;
    button.addEventListener('pointerenter', () => hover(entry.name));
    button.addEventListener('pointerleave', () => hover(undefined));
    button.addEventListener('focus', () => hover(entry.name));
    button.addEventListener('blur', () => hover(undefined));
  }
  return button;
}
