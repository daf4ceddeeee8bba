// Table: a frame's fields as columns.
import { type DataFrame, type Field, getFieldDisplayName, getFrameDisplayName } from '@grafana/data';
import type { PanelInput, PanelKind, PanelView } from '../contract';
import { element, pixels } from '../../dom';
import { emptyDrawn, panelRoot, setDrawn } from '../shared/drawn';
import { showNoData } from '../shared/no-data';
import { unsupportedOptions } from '../shared/unsupported';
import { alignmentOf, cellOptions, paintBackground, tableCell } from './cells';
import { footerTexts, type FooterOptions, nextSort, rowOrder, type SortState } from './rows';

interface TableOptions {
  frameIndex?: number;
  showHeader?: boolean;
  sortBy?: { displayName: string; desc?: boolean }[];
  cellHeight?: 'sm' | 'md' | 'lg' | 'auto';
  footer?: FooterOptions;
}

/** Rows that are in the page at once; a button adds as many again. */
export const ROWS_AT_ONCE = 500;
const MIN_COLUMN = 60;
const DEFAULT_COLUMN = 150;

export const table: PanelKind = {
  create,
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        frameIndex: true,
        showHeader: true,
        sortBy: true,
        cellHeight: ['sm', 'md', 'lg', 'auto'],
        'footer.show': true,
        'footer.reducer': true,
        'footer.fields': true,
        'footer.countRows': true,
        // Rows are added by a button instead of pages.
        'footer.enablePagination': true,
        enablePagination: true,
        disableKeyboardEvents: true,
      },
      {
        align: ['auto', 'left', 'right', 'center'],
        width: true,
        minWidth: true,
        hidden: true,
        hideHeader: true,
        wrapText: true,
        wrapHeaderText: true,
        sortable: true,
        displayMode: ['auto', 'color-text', 'color-background', 'color-background-solid', 'basic', 'gradient-gauge', 'lcd-gauge', 'json-view', 'image'],
        'cellOptions.type': ['auto', 'color-text', 'color-background', 'gauge', 'data-links', 'json-view', 'pill', 'image'],
        'cellOptions.mode': ['basic', 'gradient', 'lcd'],
        'cellOptions.applyToRow': true,
        'cellOptions.valueDisplayMode': ['color', 'text', 'hidden'],
        'cellOptions.wrapText': true,
        'footer.reducers': true,
        'hideFrom.*': true,
      },
    ),
  needsData: true,
};

function create(): PanelView {
  const root = panelRoot('table');
  let chosenFrame: number | undefined;
  let shown = ROWS_AT_ONCE;
  let last: PanelInput | undefined;

  function update(input: PanelInput): void {
    const scroll = root.querySelector('.panel-table-scroll');
    const position = { top: scroll?.scrollTop ?? 0, left: scroll?.scrollLeft ?? 0 };
    last = input;
    const options = input.panel.options as TableOptions;
    const index = Math.min(chosenFrame ?? options.frameIndex ?? 0, input.frames.length - 1);
    const frame = input.frames[index];
    const fields = frame ? visibleFields(frame) : [];
    if (!frame || frame.length === 0 || fields.length === 0) {
      setDrawn(root, emptyDrawn('table'));
      showNoData(root, input);
      return;
    }
    const scroller = element('div', { class: `panel-table-scroll panel-table-${options.cellHeight ?? 'sm'}`, tabindex: 0, role: 'region', 'aria-label': input.panel.title || 'Table' });
    scroller.append(buildTable(frame, fields, options, input));
    root.replaceChildren(scroller);
    if (input.frames.length > 1) {
      root.append(framePicker(input.frames, index));
    }
    scroller.scrollTop = position.top;
    scroller.scrollLeft = position.left;
  }

  function buildTable(frame: DataFrame, fields: Field[], options: TableOptions, input: PanelInput): HTMLTableElement {
    const sort = currentSort(options, input);
    const order = rowOrder(frame, sort, input.frames);
    const result = element('table', { class: 'panel-table' });
    const columns = element('colgroup');
    const widths = columnWidths(fields, input.width);
    result.style.minWidth = pixels(widths.reduce((sum, width) => sum + width, 0));
    fields.forEach((_, index) => {
      const column = element('col');
      column.style.width = pixels(widths[index]!);
      columns.append(column);
    });
    result.append(columns);
    if (options.showHeader !== false) {
      result.append(tableHead(frame, fields, sort, input));
    }
    const body = element('tbody');
    for (const row of order.slice(0, shown)) {
      body.append(tableRow(fields, row, input));
    }
    if (order.length > shown) {
      body.append(moreRows(order.length, fields.length));
    }
    result.append(body);
    const foot = footerTexts(frame, fields, options.footer, input.frames);
    if (foot) {
      const line = element('tr');
      foot.forEach((text, index) => line.append(element('td', { class: `panel-cell panel-cell-${alignmentOf(fields[index]!)}` }, text)));
      result.append(element('tfoot', {}, line));
    }
    setDrawn(root, {
      kind: 'table',
      x: order,
      series: fields.map((field) => ({ name: getFieldDisplayName(field, frame, input.frames), color: '', values: order.map((row) => field.values[row]), drawn: [], visible: true })),
      scales: {},
      annotations: [],
    });
    return result;
  }

  function tableHead(frame: DataFrame, fields: Field[], sort: SortState | undefined, input: PanelInput): HTMLElement {
    const line = element('tr');
    for (const field of fields) {
      const name = getFieldDisplayName(field, frame, input.frames);
      const isSorted = sort?.name === name;
      const heading = element('th', { scope: 'col', class: `panel-cell-${alignmentOf(field)}`, 'aria-sort': isSorted ? (sort.descending ? 'descending' : 'ascending') : 'none' });
      if (field.config.custom?.hideHeader) {
        heading.append(element('span', { class: 'panel-visually-hidden' }, name));
      } else if (field.config.custom?.sortable === false) {
        heading.append(name);
      } else {
        const button = element('button', { type: 'button', class: 'panel-table-sort', title: field.config.description || name }, name);
        if (isSorted) {
          button.append(element('span', { class: 'panel-sort-arrow', 'aria-hidden': 'true' }, sort.descending ? '▼' : '▲'));
        }
        button.addEventListener('click', () => {
          input.actions.memory.set(sortKey(input), nextSort(sort, name) ?? null);
          refresh(name);
        });
        heading.append(button);
      }
      line.append(heading);
    }
    return element('thead', {}, line);
  }

  function refresh(focusedHeading: string): void {
    if (last) {
      update(last);
    }
    [...root.querySelectorAll<HTMLButtonElement>('.panel-table-sort')].find((button) => button.firstChild?.textContent === focusedHeading)?.focus();
  }

  function moreRows(total: number, columns: number): HTMLElement {
    const button = element('button', { type: 'button', class: 'panel-more' }, `Show more (${shown} of ${total} rows)`);
    button.addEventListener('click', () => {
      shown += ROWS_AT_ONCE;
      if (last) {
        update(last);
      }
    });
    return element('tr', {}, element('td', { colspan: columns, class: 'panel-cell' }, button));
  }

  function framePicker(frames: DataFrame[], index: number): HTMLElement {
    const select = element('select', { class: 'panel-frame-picker', 'aria-label': 'Series shown in the table' });
    frames.forEach((frame, place) => select.append(element('option', { value: place, selected: place === index }, getFrameDisplayName(frame, place))));
    select.addEventListener('change', () => {
      chosenFrame = Number(select.value);
      if (last) {
        update(last);
      }
    });
    return select;
  }

  return { element: root, update, destroy: () => root.replaceChildren() };
}

function visibleFields(frame: DataFrame): Field[] {
  return frame.fields.filter((field) => !field.config.custom?.hidden && !field.config.custom?.hideFrom?.viz);
}

function tableRow(fields: Field[], row: number, input: PanelInput): HTMLElement {
  const line = element('tr', { 'data-row': row });
  let rowColor: string | undefined;
  const cells = fields.map((field) => tableCell(field, row, input));
  for (const cell of cells) {
    rowColor = cell.rowColor ?? rowColor;
    line.append(cell.node);
  }
  if (rowColor) {
    for (const [index, cell] of cells.entries()) {
      if (cellOptions(fields[index]!).type !== 'color-background') {
        paintBackground(cell.node, rowColor, { mode: 'basic' }, input.theme);
      }
    }
  }
  return line;
}

/** Fixed widths as configured; the other columns share what is left, each at least as wide as its minimum. */
export function columnWidths(fields: Pick<Field, 'config'>[], width: number): number[] {
  const fixed = fields.map((field) => field.config.custom?.width as number | undefined);
  const minimum = (field: Pick<Field, 'config'>) => Math.max(MIN_COLUMN, (field.config.custom?.minWidth as number | undefined) ?? DEFAULT_COLUMN);
  const taken = fixed.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const flexible = fixed.filter((value) => value === undefined).length;
  const share = flexible > 0 ? Math.floor((width - taken) / flexible) : 0;
  // A default minimum gives way before the table scrolls sideways, down to two thirds; a configured one does not.
  return fields.map((field, index) => fixed[index] ?? Math.max(share, field.config.custom?.minWidth === undefined ? Math.min(minimum(field), 100) : minimum(field)));
}

function sortKey(input: PanelInput): string {
  return `panel-${input.panel.id}-table-sort`;
}

/** What the reader chose (null: unsorted), or else the panel's option. */
function currentSort(options: TableOptions, input: PanelInput): SortState | undefined {
  const chosen = input.actions.memory.get(sortKey(input)) as SortState | null | undefined;
  if (chosen !== undefined) {
    return chosen ?? undefined;
  }
  const [first] = options.sortBy ?? [];
  return first ? { name: first.displayName, descending: Boolean(first.desc) } : undefined;
}
