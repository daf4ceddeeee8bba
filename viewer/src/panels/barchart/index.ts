// Bar chart: one group of bars a category (a text field, or times).
import { type DataFrame, dateTimeFormat, type Field, FieldType, formattedValueToString, getFieldDisplayName, getFieldSeriesColor } from '@grafana/data';
import type { PanelInput, PanelKind } from '../contract';
import { gridColor } from '../graph/axes';
import { axisLimits } from '../graph/scales';
import { legendCalcs } from '../legend/calcs';
import { buildLegend, isLegendShown, type LegendOptions } from '../legend/legend';
import { placeLegend } from '../legend/placement';
import { withAlpha } from '../shared/colors';
import { svgElement } from '../../dom';
import type { Drawn } from '../shared/drawn';
import { type SvgFrame, svgView } from '../shared/svg-view';
import { shortened, textWidth } from '../shared/text-size';
import { type Tooltip, tooltipContent } from '../shared/tooltip';
import { LEGEND_OPTIONS, TOOLTIP_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import type { Values } from '../timeseries/stacking';
import { axisTicks, type Bar, barLayout } from './layout';

interface BarChartOptions {
  orientation?: 'auto' | 'horizontal' | 'vertical';
  stacking?: 'none' | 'normal' | 'percent';
  showValue?: 'auto' | 'always' | 'never';
  groupWidth?: number;
  barWidth?: number;
  barRadius?: number;
  xField?: string;
  legend?: LegendOptions;
  tooltip?: { mode?: 'single' | 'multi' | 'none'; sort?: string };
}

interface Chart {
  categories: string[];
  series: { name: string; field: Field; color: string; values: Values }[];
  bars: Bar[];
  limits: [number, number];
}

const FONT_SIZE = 12;

export const barchart: PanelKind = {
  create: () => svgView('barchart', 'panel-bar-chart', draw),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...LEGEND_OPTIONS,
        ...TOOLTIP_OPTIONS,
        orientation: ['auto', 'horizontal', 'vertical'],
        stacking: ['none', 'normal', 'percent'],
        showValue: ['auto', 'always', 'never'],
        groupWidth: true,
        barWidth: true,
        barRadius: true,
        xField: true,
        xTickLabelRotation: [0],
        xTickLabelSpacing: [0],
        fullHighlight: [false],
      },
      {
        fillOpacity: true,
        lineWidth: true,
        gradientMode: ['none'],
        axisPlacement: ['auto', 'left', 'bottom'],
        axisSoftMin: true,
        axisSoftMax: true,
        axisColorMode: ['text'],
        axisCenteredZero: true,
        'scaleDistribution.type': ['linear'],
        'thresholdsStyle.mode': ['off'],
        'hideFrom.*': true,
      },
    ),
  needsData: true,
};

function draw({ root, box, tooltip, hidden, onHiddenChange }: SvgFrame, input: PanelInput): Drawn | undefined {
  const options = input.panel.options as BarChartOptions;
  const frame = input.frames.find((candidate) => candidate.length > 0 && numbersOf(candidate).length > 0);
  if (!frame) {
    return undefined;
  }
  const chart = barChart(frame, hidden, options, input);
  const legendOptions = options.legend ?? {};
  const legend = isLegendShown(legendOptions)
    ? buildLegend({
        options: legendOptions,
        hidden,
        entries: numbersOf(frame).map((field) => ({
          name: getFieldDisplayName(field, frame, input.frames),
          color: getFieldSeriesColor(field, input.theme).color,
          calcs: legendCalcs(field, finite(field), legendOptions.calcs ?? [], input.theme, input.timeZone),
        })),
        onHiddenChange,
      })
    : undefined;
  const { plotWidth, plotHeight } = placeLegend(root, box, legend, legendOptions, input);
  box.replaceChildren(drawChart(chart, plotWidth, plotHeight, options, input, tooltip));
  return {
    kind: 'barchart',
    x: chart.categories,
    series: chart.series.map(({ name, color, values }, index) => ({ name, color, values, drawn: chart.categories.map((_, category) => chart.bars.find((bar) => bar.series === index && bar.category === category)?.to ?? null), visible: true })),
    scales: { y: { min: chart.limits[0], max: chart.limits[1] } },
    annotations: [],
  };
}

function drawChart(chart: Chart, width: number, height: number, options: BarChartOptions, input: PanelInput, tooltip: Tooltip): SVGSVGElement {
  const isHorizontal = options.orientation === 'horizontal';
  const svg = svgElement('svg', { width, height, role: 'img', 'aria-label': `${input.panel.title || 'Bar chart'}: ${chart.categories.join(', ')}`, 'font-size': FONT_SIZE });
  const format = (value: number) => (options.stacking === 'percent' ? `${Math.round(value * 100)}%` : formattedValueToString(chart.series[0]!.field.display!(value)));
  const ticks = axisTicks(...chart.limits, isHorizontal ? width : height, isHorizontal ? 90 : 30);
  const longestTick = Math.max(...ticks.map((tick) => textWidth(format(tick), FONT_SIZE)));
  const longestName = Math.max(...chart.categories.map((name) => textWidth(name, FONT_SIZE)));
  const left = Math.ceil(isHorizontal ? Math.min(longestName, width * 0.35) : longestTick) + 10;
  const area = { left, top: 6, width: Math.max(10, width - left - 8), height: Math.max(10, height - 28) };
  const share = (value: number) => (value - chart.limits[0]) / (chart.limits[1] - chart.limits[0]);
  const { text } = input.theme.colors;
  for (const tick of ticks) {
    const x = area.left + share(tick) * area.width;
    const y = area.top + (1 - share(tick)) * area.height;
    svg.append(
      isHorizontal
        ? svgElement('line', { x1: x, x2: x, y1: area.top, y2: area.top + area.height, stroke: gridColor(input.theme) })
        : svgElement('line', { x1: area.left, x2: area.left + area.width, y1: y, y2: y, stroke: gridColor(input.theme) }),
      isHorizontal
        ? svgElement('text', { x, y: area.top + area.height + 16, fill: text.primary, 'text-anchor': 'middle' }, format(tick))
        : svgElement('text', { x: area.left - 6, y: y + 4, fill: text.primary, 'text-anchor': 'end' }, format(tick)),
    );
  }
  categoryLabels(svg, chart, area, isHorizontal, text.primary);
  for (const bar of chart.bars) {
    const series = chart.series[bar.series]!;
    const [low, high] = [Math.min(share(bar.from), share(bar.to)), Math.max(share(bar.from), share(bar.to))].map((value) => Math.max(0, Math.min(1, value))) as [number, number];
    const rectangle = isHorizontal
      ? { x: area.left + low * area.width, y: area.top + bar.start * area.height, width: (high - low) * area.width, height: bar.size * area.height }
      : { x: area.left + bar.start * area.width, y: area.top + (1 - high) * area.height, width: bar.size * area.width, height: (high - low) * area.height };
    const opacity = (series.field.config.custom?.fillOpacity ?? 80) / 100;
    const node = svgElement('rect', {
      ...rectangle,
      fill: withAlpha(series.color, opacity),
      stroke: series.color,
      'stroke-width': series.field.config.custom?.lineWidth ?? 1,
      rx: (options.barRadius ?? 0) * Math.min(rectangle.width, rectangle.height),
      'data-bar': `${chart.categories[bar.category]} ${series.name}`,
    });
    if (options.tooltip?.mode !== 'none') {
      node.addEventListener('pointermove', (event) => tooltip.show(describe(chart, bar, options), event.clientX, event.clientY));
      node.addEventListener('pointerleave', () => tooltip.hide());
    }
    svg.append(node);
    const label = valueText(series, bar);
    const fits = isHorizontal ? rectangle.height >= FONT_SIZE : textWidth(label, FONT_SIZE) <= rectangle.width;
    if (options.showValue === 'always' || ((options.showValue ?? 'auto') === 'auto' && fits && (options.stacking ?? 'none') === 'none')) {
      svg.append(
        isHorizontal
          ? svgElement('text', { x: Math.min(rectangle.x + rectangle.width + 4, width - textWidth(label, FONT_SIZE)), y: rectangle.y + rectangle.height / 2 + 4, fill: text.primary }, label)
          : svgElement('text', { x: rectangle.x + rectangle.width / 2, y: Math.max(FONT_SIZE, rectangle.y - 4), fill: text.primary, 'text-anchor': 'middle' }, label),
      );
    }
  }
  return svg;
}

function categoryLabels(svg: SVGSVGElement, chart: Chart, area: { left: number; top: number; width: number; height: number }, isHorizontal: boolean, fill: string): void {
  const room = (isHorizontal ? area.height : area.width) / chart.categories.length;
  const needed = isHorizontal ? 16 : Math.max(...chart.categories.map((name) => textWidth(name, FONT_SIZE))) + 8;
  const every = Math.max(1, Math.ceil(needed / room));
  chart.categories.forEach((name, index) => {
    if (index % every !== 0) {
      return;
    }
    const middle = room * (index + 0.5);
    svg.append(
      isHorizontal
        ? svgElement('text', { x: area.left - 6, y: area.top + middle + 4, fill, 'text-anchor': 'end' }, shortened(name, FONT_SIZE, area.left - 10))
        : svgElement('text', { x: area.left + middle, y: area.top + area.height + 16, fill, 'text-anchor': 'middle' }, name),
    );
  });
}

function numbersOf(frame: DataFrame): Field[] {
  return frame.fields.filter((field) => field.type === FieldType.number && !field.config.custom?.hideFrom?.viz);
}

function finite(field: Field): (number | null)[] {
  return field.values.map((value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
}

function barChart(frame: DataFrame, hidden: ReadonlySet<string>, options: BarChartOptions, input: PanelInput): Chart {
  const named = frame.fields.find((field) => options.xField && getFieldDisplayName(field, frame, input.frames) === options.xField);
  const category = named ?? frame.fields.find((field) => field.type === FieldType.string) ?? frame.fields.find((field) => field.type === FieldType.time);
  const categories = Array.from({ length: frame.length }, (_, row) => categoryText(category, row, input));
  const series = numbersOf(frame)
    .filter((field) => field !== category)
    .map((field) => ({ name: getFieldDisplayName(field, frame, input.frames), field, color: getFieldSeriesColor(field, input.theme).color, values: finite(field) as Values }))
    .filter(({ name }) => !hidden.has(name));
  const bars = barLayout({ series: series.map(({ values }) => values), stacking: options.stacking ?? 'none', groupWidth: options.groupWidth ?? 0.7, barWidth: options.barWidth ?? 0.97 });
  const config = series[0]?.field.config ?? {};
  const ends = bars.flatMap((bar) => [bar.from, bar.to]);
  const [min, max] = axisLimits(
    {
      min: config.min ?? null,
      max: config.max ?? (options.stacking === 'percent' ? 1 : null),
      softMin: config.custom?.axisSoftMin ?? 0,
      softMax: config.custom?.axisSoftMax ?? null,
      centeredZero: Boolean(config.custom?.axisCenteredZero),
    },
    ends.length > 0 ? Math.min(...ends) : 0,
    ends.length > 0 ? Math.max(...ends) : 1,
  );
  return { categories, series, bars, limits: [min ?? 0, max ?? 1] };
}

function categoryText(field: Field | undefined, row: number, input: PanelInput): string {
  if (!field) {
    return String(row + 1);
  }
  const value: unknown = field.values[row];
  return field.type === FieldType.time ? dateTimeFormat(Number(value), { timeZone: input.timeZone, format: 'HH:mm:ss' }) : field.display ? formattedValueToString(field.display(value)) : String(value ?? '');
}

function valueText(series: Chart['series'][number], bar: Bar): string {
  const value = series.values[bar.category];
  return series.field.display ? formattedValueToString(series.field.display(value)) : String(value);
}

function describe(chart: Chart, active: Bar, options: BarChartOptions): Node {
  const bars = options.tooltip?.mode === 'multi' ? chart.bars.filter((bar) => bar.category === active.category) : [active];
  return tooltipContent(
    chart.categories[active.category]!,
    bars.map((bar) => {
      const series = chart.series[bar.series]!;
      return { name: series.name, color: series.color, value: valueText(series, bar), active: bar === active };
    }),
  );
}
