// Stat: large values with names, colours and sparklines.
import { type FieldDisplay, getDisplayValueAlignmentFactors } from '@grafana/data';
import type { PanelInput, PanelKind } from '../contract';
import { backgroundGradient, brighter, isTransparent, readableText, smallTextOn, textOn, withAlpha } from '../shared/colors';
import { element, pixels, setStyles } from '../../dom';
import { redrawnView, setDrawn } from '../shared/drawn';
import { withLinks } from '../shared/links';
import { arrangeItems, SPACING } from '../shared/repeat';
import { REDUCE_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { displayText, type ReducedOptions, reducedValues } from '../shared/values';
import { type StatLayout, statLayout } from './layout';
import { drawSparkline } from './sparkline';

interface StatOptions extends ReducedOptions {
  graphMode?: 'none' | 'line' | 'area';
  colorMode?: 'none' | 'value' | 'background' | 'background_solid';
  textMode?: 'auto' | 'value' | 'value_and_name' | 'name' | 'none';
  justifyMode?: 'auto' | 'center';
  showPercentChange?: boolean;
  percentChangeColorMode?: 'standard' | 'inverted' | 'same_as_value';
  wideLayout?: boolean;
}

export const stat: PanelKind = {
  create: () => redrawnView('stat', drawStats),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...REDUCE_OPTIONS,
        orientation: ['auto', 'horizontal', 'vertical'],
        graphMode: ['none', 'line', 'area'],
        colorMode: ['none', 'value', 'background', 'background_solid'],
        textMode: ['auto', 'value', 'value_and_name', 'name', 'none'],
        justifyMode: ['auto', 'center'],
        showPercentChange: true,
        percentChangeColorMode: ['standard', 'inverted', 'same_as_value'],
        wideLayout: true,
        'text.percentSize': true,
      },
      { 'hideFrom.*': true },
    ),
  needsData: true,
};

function drawStats(root: HTMLElement, input: PanelInput): void {
  const options = input.panel.options as StatOptions;
  const hasSparkline = (options.graphMode ?? 'area') !== 'none';
  const values = reducedValues(input, { sparkline: hasSparkline, percentChange: Boolean(options.showPercentChange) });
  const place = arrangeItems(input.width, input.height, values.length, options.orientation ?? 'auto');
  const longest = getDisplayValueAlignmentFactors(values);
  const grid = element('div', { class: 'panel-repeat' });
  setStyles(grid, { gridTemplateColumns: `repeat(${place.columns}, 1fr)`, gap: pixels(SPACING) });
  for (const value of values) {
    const texts = statTexts(value, options, values.length);
    const layout = statLayout({
      width: place.itemWidth,
      height: place.itemHeight,
      title: texts.title ? (longest.title ?? texts.title) : '',
      value: texts.value ? (texts.isName ? (longest.title ?? texts.value) : displayText(longest)) : '',
      hasSparkline: hasSparkline && (value.sparkline?.y.values.length ?? 0) > 1,
      percentChange: Boolean(options.showPercentChange),
      ...(options.text?.titleSize ? { titleSize: options.text.titleSize } : {}),
      ...(options.text?.valueSize ? { valueSize: options.text.valueSize } : {}),
      ...(options.wideLayout === undefined ? {} : { wideLayout: options.wideLayout }),
    });
    grid.append(statItem(value, texts, layout, place.itemWidth, place.itemHeight, options, input));
  }
  root.replaceChildren(grid);
  setDrawn(root, {
    kind: 'stat',
    x: [],
    series: values.map((value) => ({
      name: value.display.title ?? '',
      color: value.display.color ?? '',
      values: value.sparkline?.y.values ?? [],
      drawn: [value.display.numeric],
      visible: true,
    })),
    scales: {},
    annotations: [],
  });
}

interface StatTexts {
  title: string;
  value: string;
  /** The large text is the name. */
  isName: boolean;
  hint: string;
}

function statTexts(value: FieldDisplay, options: StatOptions, count: number): StatTexts {
  const title = value.display.title ?? '';
  const text = displayText(value.display);
  // "Auto" names the values only where there are several.
  const mode = !options.textMode || options.textMode === 'auto' ? (count > 1 ? 'value_and_name' : 'value') : options.textMode;
  switch (mode) {
    case 'name':
      return { title: '', value: title, isName: true, hint: text };
    case 'value':
      return { title: '', value: text, isName: false, hint: title };
    case 'none':
      return { title: '', value: '', isName: false, hint: `${title} ${text}`.trim() };
    default:
      return { title, value: text, isName: false, hint: '' };
  }
}

function statItem(value: FieldDisplay, texts: StatTexts, layout: StatLayout, width: number, height: number, options: StatOptions, input: PanelInput): HTMLElement {
  const color = value.display.color ?? input.theme.colors.text.primary;
  const isBackground = options.colorMode === 'background' || options.colorMode === 'background_solid';
  const isCentred = options.justifyMode === 'center' || texts.title === '';
  const item = element('div', {
    class: `panel-stat ${layout.wide ? 'panel-stat-wide' : 'panel-stat-stacked'} ${isCentred ? 'panel-stat-centred' : ''}`,
    'data-stat': value.display.title ?? '',
    title: texts.hint || undefined,
  });
  setStyles(item, { height: pixels(height), padding: pixels(layout.padding) });
  const foreground = foregroundOf(color, layout.valueSize, options, input);
  if (isBackground && !isTransparent(color)) {
    item.style.background = options.colorMode === 'background' ? backgroundGradient(color, input.theme) : color;
  }
  const text = element('div', { class: 'panel-stat-text' });
  if (texts.title) {
    const title = element('div', { class: 'panel-stat-title', 'data-stat-title': true }, texts.title);
    setStyles(title, { fontSize: pixels(layout.titleSize), ...(isBackground ? { color: foreground } : {}) });
    text.append(title);
  }
  if (texts.value) {
    const shown = element('span', {}, texts.value);
    const box = element('div', { class: 'panel-stat-value', 'data-stat-value': true }, withLinks(shown, value.getLinks?.() ?? [], input.actions));
    setStyles(box, { fontSize: pixels(layout.valueSize), color: foreground });
    text.append(box);
  }
  const change = value.display.percentChange;
  if (options.showPercentChange && change !== undefined && Number.isFinite(change)) {
    text.append(percentChange(change, options, foreground, isBackground, input));
  }
  item.append(text);
  const chart = layout.chartHeight > 0 && value.sparkline ? sparkline(value, layout, width, color, isBackground, options) : undefined;
  if (chart) {
    item.append(chart);
  }
  return item;
}

function foregroundOf(color: string, size: number, options: StatOptions, input: PanelInput): string {
  if (isTransparent(color)) {
    return input.theme.colors.text.primary;
  }
  switch (options.colorMode) {
    case 'background':
      return textOn(color);
    case 'background_solid':
      return smallTextOn(color);
    case 'none':
      return input.theme.colors.text.primary;
    default:
      return readableText(color, size, input.theme);
  }
}

function percentChange(change: number, options: StatOptions, foreground: string, isBackground: boolean, input: PanelInput): HTMLElement {
  const { visualization } = input.theme;
  const isGood = options.percentChangeColorMode === 'inverted' ? change < 0 : change > 0;
  const own = options.percentChangeColorMode === 'same_as_value' || isBackground || change === 0;
  const arrow = change > 0 ? '↗' : change < 0 ? '↘' : '→';
  const box = element('div', { class: 'panel-stat-change', 'data-stat-change': true }, `${arrow} ${change.toLocaleString('en', { maximumFractionDigits: 2 })}%`);
  setStyles(box, { color: own ? foreground : readableText(visualization.getColorByName(isGood ? 'green' : 'red'), 13, input.theme) });
  if (options.text && 'percentSize' in options.text) {
    box.style.fontSize = pixels(Number(options.text.percentSize));
  }
  return box;
}

function sparkline(value: FieldDisplay, layout: StatLayout, width: number, color: string, isBackground: boolean, options: StatOptions): HTMLElement | undefined {
  const svg = drawSparkline(value.sparkline!, {
    width,
    height: layout.chartHeight,
    line: isBackground ? brighter(color, 40) : color,
    fill: isBackground ? 'rgba(255, 255, 255, 0.4)' : withAlpha(color, 0.2),
    isArea: (options.graphMode ?? 'area') === 'area',
  });
  if (!svg) {
    return undefined;
  }
  const box = element('div', { class: 'panel-stat-chart' });
  setStyles(box, { height: pixels(layout.chartHeight) });
  box.append(svg);
  return box;
}
