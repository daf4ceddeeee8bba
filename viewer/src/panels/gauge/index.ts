// Gauge: a value on an arc with the thresholds around it.
import { type FieldDisplay, FieldType, formattedValueToString, getDisplayProcessor, getDisplayValueAlignmentFactors } from '@grafana/data';
import type { PanelInput, PanelKind } from '../contract';
import { readableText } from '../shared/colors';
import { element, pixels, setStyles, svgElement } from '../../dom';
import { redrawnView, setDrawn } from '../shared/drawn';
import { withLinks } from '../shared/links';
import { arrangeItems, SPACING } from '../shared/repeat';
import { fittingFontSize } from '../shared/text-size';
import { REDUCE_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { displayText, type ReducedOptions, reducedValues } from '../shared/values';
import { angleOf, END_ANGLE, ringPath, START_ANGLE, thresholdBands } from './arc';

interface GaugeOptions extends ReducedOptions {
  showThresholdLabels?: boolean;
  showThresholdMarkers?: boolean;
}

export const gauge: PanelKind = {
  create: () => redrawnView('gauge', drawGauges),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...REDUCE_OPTIONS,
        orientation: ['auto', 'horizontal', 'vertical'],
        showThresholdLabels: true,
        showThresholdMarkers: true,
        minVizWidth: true,
        minVizHeight: true,
        sizing: ['auto'],
      },
      { 'hideFrom.*': true },
    ),
  needsData: true,
};

function drawGauges(root: HTMLElement, input: PanelInput): void {
  const options = input.panel.options as GaugeOptions;
  const values = reducedValues(input);
  const place = arrangeItems(input.width, input.height, values.length, options.orientation ?? 'auto', 1.3);
  const longest = getDisplayValueAlignmentFactors(values);
  const grid = element('div', { class: 'panel-repeat' });
  setStyles(grid, { gridTemplateColumns: `repeat(${place.columns}, 1fr)`, gap: pixels(SPACING) });
  for (const value of values) {
    grid.append(gaugeItem(value, displayText(longest), values.length > 1, place.itemWidth, place.itemHeight, options, input));
  }
  root.replaceChildren(grid);
  setDrawn(root, {
    kind: 'gauge',
    x: [],
    series: values.map((value) => ({ name: value.display.title ?? '', color: value.display.color ?? '', values: [value.display.numeric], drawn: [value.display.numeric], visible: true })),
    scales: Object.fromEntries(values.map((value, index) => [`${index}`, limitsOf(value)])),
    annotations: [],
  });
}

function limitsOf({ field }: FieldDisplay): { min: number; max: number } {
  const min = field.min ?? 0;
  return { min, max: field.max ?? Math.max(100, min + 1) };
}

function gaugeItem(value: FieldDisplay, longest: string, hasTitle: boolean, width: number, height: number, options: GaugeOptions, input: PanelInput): HTMLElement {
  const { theme } = input;
  const { min, max } = limitsOf(value);
  const titleSize = hasTitle ? (options.text?.titleSize ?? Math.max(10, Math.min(14, height * 0.1))) : 0;
  const titleHeight = titleSize * 1.5;
  // The arc's box is as high as its radius and what lies below the centre.
  const below = Math.sin(START_ANGLE);
  const labels = options.showThresholdLabels ? 14 : 0;
  const radius = Math.max(10, Math.min((width - 8) / 2 - labels * 2, (height - titleHeight - 8 - labels) / (1 + below)));
  const x = width / 2;
  const y = radius + 4 + labels + Math.max(0, (height - titleHeight - 8 - labels - radius * (1 + below)) / 2);
  const thickness = Math.max(6, Math.min(radius / 3, 40));
  const markers = options.showThresholdMarkers === false ? 0 : Math.max(2, thickness / 6);
  const outer = radius - (markers ? markers + 2 : 0);
  const inner = outer - thickness;
  const color = value.display.color ?? theme.colors.text.primary;
  const svg = svgElement('svg', { class: 'panel-gauge-arc', width, height: height - titleHeight, role: 'img', 'aria-label': `${value.display.title ?? ''} ${displayText(value.display)}`.trim() });
  svg.append(svgElement('path', { d: ringPath(x, y, inner, outer, START_ANGLE, END_ANGLE), fill: theme.colors.background.secondary }));
  const angle = angleOf(value.display.numeric, min, max);
  if (Number.isFinite(value.display.numeric) && angle > START_ANGLE) {
    svg.append(svgElement('path', { d: ringPath(x, y, inner, outer, START_ANGLE, angle), fill: color, 'data-gauge-angle': angle.toFixed(4) }));
  }
  for (const band of thresholdBands(value.field.thresholds, min, max)) {
    if (markers) {
      const path = ringPath(x, y, radius - markers, radius, angleOf(band.from, min, max), angleOf(band.to, min, max));
      svg.append(svgElement('path', { d: path, fill: theme.visualization.getColorByName(band.color) }));
    }
    if (labels && band.from > min) {
      svg.append(thresholdLabel(band.from, angleOf(band.from, min, max), radius, x, y, value, input));
    }
  }
  const textSize = options.text?.valueSize ?? fittingFontSize(longest || displayText(value.display), inner * 1.75, inner * 0.9, { lineHeight: 1, weight: 500 });
  const text = element('div', { class: 'panel-gauge-value', 'data-gauge-value': true }, withLinks(element('span', {}, displayText(value.display)), value.getLinks?.() ?? [], input.actions));
  setStyles(text, { fontSize: pixels(textSize), color: readableText(color, textSize, theme), top: pixels(y), width: pixels(width) });
  const item = element('div', { class: 'panel-gauge', 'data-gauge': value.display.title ?? '' });
  setStyles(item, { height: pixels(height) });
  item.append(svg, text);
  if (hasTitle) {
    const title = element('div', { class: 'panel-gauge-title', 'data-gauge-title': true, title: value.display.title }, value.display.title ?? '');
    setStyles(title, { fontSize: pixels(titleSize), lineHeight: pixels(titleHeight) });
    item.append(title);
  }
  return item;
}

function thresholdLabel(limit: number, angle: number, radius: number, x: number, y: number, value: FieldDisplay, input: PanelInput): SVGElement {
  const display = getDisplayProcessor({ field: { type: FieldType.number, config: { ...value.field, mappings: [] } }, theme: input.theme, timeZone: input.timeZone });
  const horizontal = Math.cos(angle);
  const label = svgElement(
    'text',
    {
      x: x + (radius + 6) * horizontal,
      y: y + (radius + 6) * Math.sin(angle),
      fill: input.theme.colors.text.secondary,
      'font-size': 11,
      'text-anchor': horizontal < -0.3 ? 'end' : horizontal > 0.3 ? 'start' : 'middle',
      'dominant-baseline': 'auto',
    },
    formattedValueToString(display(limit)),
  );
  return label;
}
