// One cell of a table: text, coloured text or background, a gauge, links, JSON, pills, an image or a sparkline.
import { type DisplayValue, type Field, FieldType, formattedValueToString, type GrafanaTheme2 } from '@grafana/data';
import type { PanelInput } from '../contract';
import { barShare } from '../bargauge/layout';
import { backgroundGradient, isTransparent, readableText, smallTextOn, textOn, withAlpha } from '../shared/colors';
import { element, pixels, setStyles } from '../../dom';
import { linkAnchor, safeHref, withLinks } from '../shared/links';

export interface CellOptions {
  type: string;
  mode?: string;
  applyToRow?: boolean;
  valueDisplayMode?: string;
  wrapText?: boolean;
}

const CELL_FONT_SIZE = 14;

const OLD_NAMES: Record<string, CellOptions> = {
  'color-background': { type: 'color-background', mode: 'gradient' },
  'color-background-solid': { type: 'color-background', mode: 'basic' },
  basic: { type: 'gauge', mode: 'basic' },
  'gradient-gauge': { type: 'gauge', mode: 'gradient' },
  'lcd-gauge': { type: 'gauge', mode: 'gradient' },
};

/** New and old names of the same options in one form. */
export function cellOptions(field: Field): CellOptions {
  const custom = field.config.custom as { cellOptions?: CellOptions; displayMode?: string } | undefined;
  if (custom?.cellOptions?.type) {
    return custom.cellOptions;
  }
  const old = custom?.displayMode ?? 'auto';
  return OLD_NAMES[old] ?? { type: old };
}

/** `auto`: numbers to the right, everything else to the left. */
export function alignmentOf(field: Field): 'left' | 'right' | 'center' {
  const align = field.config.custom?.align as string | undefined;
  if (align === 'left' || align === 'right' || align === 'center') {
    return align;
  }
  const { type } = cellOptions(field);
  return field.type === FieldType.number && type !== 'gauge' ? 'right' : 'left';
}

export interface Cell {
  node: HTMLTableCellElement;
  /** Colours the whole row. */
  rowColor?: string;
}

export function tableCell(field: Field, row: number, input: PanelInput): Cell {
  const options = cellOptions(field);
  const value: unknown = field.values[row];
  const display = field.display?.(value) ?? ({ text: String(value ?? ''), numeric: Number(value) } as DisplayValue);
  const text = formattedValueToString(display);
  const node = element('td', { class: `panel-cell panel-cell-${alignmentOf(field)}`, 'data-cell': true });
  if (field.config.custom?.wrapText || options.wrapText) {
    node.classList.add('panel-cell-wrap');
  }
  const links = field.getLinks?.({ valueRowIndex: row }) ?? [];
  const result: Cell = { node };
  switch (options.type) {
    case 'color-text':
      node.append(withLinks(element('span', {}, text), links, input.actions));
      if (display.color) {
        node.style.color = readableText(display.color, CELL_FONT_SIZE, input.theme);
        node.classList.add('panel-cell-coloured');
      }
      break;
    case 'color-background':
      node.append(withLinks(element('span', {}, text), links, input.actions));
      if (display.color) {
        paintBackground(node, display.color, options, input.theme);
        if (options.applyToRow) {
          result.rowColor = display.color;
        }
      }
      break;
    case 'gauge':
      node.append(gaugeCell(field, display, text, options, input.theme));
      break;
    case 'data-links':
      for (const link of links) {
        node.append(linkAnchor(link, input.actions));
      }
      break;
    case 'json-view':
      node.append(element('code', { class: 'panel-cell-json' }, jsonText(value)));
      break;
    case 'pill':
      for (const part of pillTexts(value)) {
        const pill = element('span', { class: 'panel-pill' }, part);
        setStyles(pill, { background: withAlpha(display.color ?? '#808080', 0.3) });
        node.append(pill);
      }
      break;
    case 'image': {
      const source = safeHref(text);
      node.append(source ? element('img', { class: 'panel-cell-image', src: source, alt: '' }) : text);
      break;
    }
    default:
      node.append(withLinks(element('span', {}, field.type === FieldType.other ? jsonText(value) : text), links, input.actions));
  }
  if (!node.classList.contains('panel-cell-wrap') && text.length > 20) {
    node.title = text;
  }
  return result;
}

export function paintBackground(node: HTMLElement, color: string, options: Pick<CellOptions, 'mode'>, theme: GrafanaTheme2): void {
  if (isTransparent(color)) {
    return;
  }
  node.style.background = options.mode === 'gradient' ? backgroundGradient(color, theme) : color;
  node.style.color = options.mode === 'gradient' ? textOn(color) : smallTextOn(color);
  node.classList.add('panel-cell-coloured');
}

function gaugeCell(field: Field, display: DisplayValue, text: string, options: CellOptions, theme: GrafanaTheme2): HTMLElement {
  const min = field.config.min ?? field.state?.range?.min ?? 0;
  const max = field.config.max ?? field.state?.range?.max ?? 100;
  const share = barShare(display.numeric, min, max);
  const color = display.color ?? theme.colors.primary.main;
  const bar = element('span', { class: 'panel-cell-bar' });
  setStyles(bar, {
    width: pixelsShare(share),
    background: options.mode === 'basic' ? withAlpha(color, 0.5) : `linear-gradient(90deg, ${withAlpha(color, 0.4)}, ${color})`,
  });
  const box = element('span', { class: 'panel-cell-gauge' }, element('span', { class: 'panel-cell-track' }, bar));
  if (options.valueDisplayMode !== 'hidden') {
    const value = element('span', { class: 'panel-cell-gauge-value' }, text);
    if (options.valueDisplayMode !== 'text') {
      value.style.color = readableText(color, CELL_FONT_SIZE, theme);
    }
    box.append(value);
  }
  return box;
}

function pixelsShare(share: number): string {
  return `${pixels(share * 100).replace('px', '')}%`;
}

function jsonText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function pillTexts(value: unknown): string[] {
  if (Array.isArray(value)) {
    return value.map(String);
  }
  return value === null || value === undefined || value === '' ? [] : String(value).split(',').map((part) => part.trim());
}
