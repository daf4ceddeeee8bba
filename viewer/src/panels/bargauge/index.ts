// Bar gauge: one bar a value, plain, as a gradient or in lit cells.
import { type FieldDisplay, FieldType, getActiveThreshold, getDisplayValueAlignmentFactors, getFieldColorMode, getScaleCalculator, type Field } from '@grafana/data';
import type { PanelInput, PanelKind } from '../contract';
import { readableText, withAlpha } from '../shared/colors';
import { element, pixels, setStyles } from '../../dom';
import { redrawnView, setDrawn } from '../shared/drawn';
import { withLinks } from '../shared/links';
import { SPACING } from '../shared/repeat';
import { REDUCE_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { displayText, type ReducedOptions, reducedValues } from '../shared/values';
import { barLayout, type BarLayout, barShare } from './layout';

interface BarGaugeOptions extends ReducedOptions {
  displayMode?: 'basic' | 'gradient' | 'lcd';
  valueMode?: 'color' | 'text' | 'hidden';
  namePlacement?: 'auto' | 'left' | 'top' | 'hidden';
  showUnfilled?: boolean;
  minVizHeight?: number;
  maxVizHeight?: number;
  sizing?: 'auto' | 'manual';
}

const CELL_SIZE = 12;
const CELL_GAP = 2;
const MIN_HEIGHT = 16;
const MAX_HEIGHT = 300;

export const bargauge: PanelKind = {
  create: () => redrawnView('bargauge', drawBars),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...REDUCE_OPTIONS,
        orientation: ['auto', 'horizontal', 'vertical'],
        displayMode: ['basic', 'gradient', 'lcd'],
        valueMode: ['color', 'text', 'hidden'],
        namePlacement: ['auto', 'left', 'top', 'hidden'],
        showUnfilled: true,
        sizing: true,
        minVizHeight: true,
        maxVizHeight: true,
        minVizWidth: true,
        'legend.showLegend': [false],
        'legend.*': true,
      },
      { 'hideFrom.*': true },
    ),
  needsData: true,
};

function drawBars(root: HTMLElement, input: PanelInput): void {
  const options = input.panel.options as BarGaugeOptions;
  const values = reducedValues(input);
  const vertical = options.orientation === 'vertical' || ((options.orientation ?? 'auto') === 'auto' && input.width > input.height);
  const longest = getDisplayValueAlignmentFactors(values);
  const room = ((vertical ? input.width : input.height) - SPACING * (values.length - 1)) / Math.max(1, values.length);
  const limits = options.sizing === 'manual' ? { min: options.minVizHeight ?? MIN_HEIGHT, max: options.maxVizHeight ?? MAX_HEIGHT } : { min: vertical ? 8 : MIN_HEIGHT, max: Infinity };
  const thickness = Math.max(limits.min, Math.min(limits.max, room));
  const hasTitle = values.length > 1 || options.namePlacement === 'left' || options.namePlacement === 'top';
  const layout = barLayout({
    width: vertical ? thickness : input.width,
    height: vertical ? input.height : thickness,
    vertical,
    namePlacement: options.namePlacement ?? 'auto',
    longestTitle: hasTitle && values.some(({ view }) => view) ? (longest.title ?? '') : '',
    longestValue: displayText(longest),
    showValue: options.valueMode !== 'hidden',
    ...(options.text?.titleSize ? { titleSize: options.text.titleSize } : {}),
    ...(options.text?.valueSize ? { valueSize: options.text.valueSize } : {}),
  });
  const list = element('div', { class: `panel-bars ${vertical ? 'panel-bars-vertical' : 'panel-bars-horizontal'}` });
  list.style.gap = pixels(SPACING);
  for (const value of values) {
    list.append(barItem(value, layout, vertical, options, input));
  }
  root.replaceChildren(list);
  setDrawn(root, {
    kind: 'bargauge',
    x: [],
    series: values.map((value) => ({ name: value.display.title ?? '', color: value.display.color ?? '', values: [value.display.numeric], drawn: [barShare(value.display.numeric, ...limitsOf(value))], visible: true })),
    scales: Object.fromEntries(values.map((value, index) => [`${index}`, { min: limitsOf(value)[0], max: limitsOf(value)[1] }])),
    annotations: [],
  });
}

function limitsOf({ field }: FieldDisplay): [min: number, max: number] {
  return [field.min ?? 0, field.max ?? 100];
}

function barItem(value: FieldDisplay, layout: BarLayout, vertical: boolean, options: BarGaugeOptions, input: PanelInput): HTMLElement {
  const item = element('div', { class: `panel-bar panel-bar-title-${layout.title}`, 'data-bar': value.display.title ?? '' });
  const color = value.display.color ?? input.theme.colors.text.primary;
  if (layout.title !== 'none') {
    const title = element('div', { class: 'panel-bar-title', 'data-bar-title': true, title: value.display.title }, value.display.title ?? '');
    setStyles(title, { fontSize: pixels(layout.titleSize), ...(layout.title === 'left' ? { width: pixels(layout.titleWidth) } : {}) });
    item.append(title);
  }
  const track = element('div', { class: 'panel-bar-track' });
  setStyles(track, { width: pixels(layout.barWidth), height: pixels(layout.barHeight) });
  if (options.showUnfilled !== false && options.displayMode !== 'lcd') {
    track.style.backgroundColor = input.theme.colors.background.secondary;
  }
  track.append(...(options.displayMode === 'lcd' ? litCells(value, layout, vertical, options, input) : [fullBar(value, layout, vertical, color, options, input)]));
  const row = element('div', { class: 'panel-bar-row' }, track);
  if (options.valueMode !== 'hidden') {
    const text = element('div', { class: 'panel-bar-value', 'data-bar-value': true }, withLinks(element('span', {}, displayText(value.display)), value.getLinks?.() ?? [], input.actions));
    setStyles(text, {
      fontSize: pixels(layout.valueSize),
      color: options.valueMode === 'text' ? input.theme.colors.text.primary : readableText(color, layout.valueSize, input.theme),
      ...(vertical ? { height: pixels(layout.valueHeight) } : { width: pixels(layout.valueWidth) }),
    });
    row.append(text);
  }
  item.append(row);
  return item;
}

function fullBar(value: FieldDisplay, layout: BarLayout, vertical: boolean, color: string, options: BarGaugeOptions, input: PanelInput): HTMLElement {
  const share = barShare(value.display.numeric, ...limitsOf(value));
  const bar = element('div', { class: 'panel-bar-fill' });
  const size = Math.max(share * (vertical ? layout.barHeight : layout.barWidth), 1);
  setStyles(bar, vertical ? { height: pixels(size), width: '100%' } : { width: pixels(size), height: '100%' });
  if (options.displayMode === 'gradient') {
    bar.style.background = barGradient(value, vertical, layout, input);
  } else {
    bar.style.background = withAlpha(color, 0.35);
    bar.style[vertical ? 'borderTop' : 'borderRight'] = `2px solid ${color}`;
  }
  return bar;
}

/** The thresholds or the colours of the scheme that lie below the value. */
function barGradient(value: FieldDisplay, vertical: boolean, layout: BarLayout, input: PanelInput): string {
  const [min, max] = limitsOf(value);
  const size = vertical ? layout.barHeight : layout.barWidth;
  const direction = vertical ? '0deg' : '90deg';
  const mode = getFieldColorMode(value.field.color?.mode);
  const colorOf = (name: string) => input.theme.visualization.getColorByName(name);
  if (mode.id === 'thresholds' && value.field.thresholds) {
    const { steps, mode: kind } = value.field.thresholds;
    const stops = steps
      .map((step) => ({ color: colorOf(step.color), value: kind === 'percentage' ? min + ((max - min) * step.value) / 100 : (step.value ?? -Infinity) }))
      .filter((stop, index) => index === 0 || stop.value <= value.display.numeric);
    const places = stops.map((stop) => Math.round(barShare(Math.max(stop.value, min), min, max) * size));
    return `linear-gradient(${direction}, ${stops.map((stop, index) => `${stop.color} ${index === 0 ? 0 : Math.round((places[index]! + places[index - 1]!) / 2)}px`).join(', ')}${stops.length === 1 ? `, ${stops[0]!.color}` : ''})`;
  }
  if (mode.getColors) {
    const colors = mode.getColors(input.theme).map(colorOf);
    return `linear-gradient(${direction}, ${colors.map((color, index) => `${color} ${Math.round((index / (colors.length - 1)) * size)}px`).join(', ')})`;
  }
  const color = value.display.color ?? 'gray';
  return `linear-gradient(${direction}, ${withAlpha(color, 0.5)}, ${color})`;
}

function litCells(value: FieldDisplay, layout: BarLayout, vertical: boolean, options: BarGaugeOptions, input: PanelInput): HTMLElement[] {
  const [min, max] = limitsOf(value);
  const size = vertical ? layout.barHeight : layout.barWidth;
  const count = Math.max(1, Math.floor(size / CELL_SIZE));
  const cellSize = size / count - CELL_GAP;
  const field: Field = { name: '', type: FieldType.number, values: [], config: { ...value.field, min, max } };
  const scale = getScaleCalculator(field, input.theme);
  return Array.from({ length: count }, (_, index) => {
    const at = min + ((max - min) * index) / count;
    const isLit = Number.isFinite(value.display.numeric) && at <= value.display.numeric && value.view !== undefined;
    const active = value.field.thresholds && getFieldColorMode(value.field.color?.mode).id === 'thresholds' ? getActiveThreshold(at, absoluteSteps(value, min, max)) : undefined;
    const color = active ? input.theme.visualization.getColorByName(active.color) : scale(at).color;
    const cell = element('div', { class: isLit ? 'panel-bar-cell panel-bar-lit' : 'panel-bar-cell' });
    setStyles(cell, {
      background: isLit ? `radial-gradient(${withAlpha(color, 0.95)} 10%, ${withAlpha(color, 0.55)})` : options.showUnfilled === false ? 'transparent' : withAlpha(color, 0.18),
      ...(vertical ? { height: pixels(cellSize), marginTop: pixels(CELL_GAP) } : { width: pixels(cellSize), marginRight: pixels(CELL_GAP) }),
    });
    return cell;
  });
}

function absoluteSteps(value: FieldDisplay, min: number, max: number) {
  const thresholds = value.field.thresholds!;
  return thresholds.mode === 'percentage' ? thresholds.steps.map((step) => ({ ...step, value: min + ((max - min) * step.value) / 100 })) : thresholds.steps;
}
