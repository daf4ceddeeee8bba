// Heatmap: buckets over time, coloured by how many fell into each.
import { formattedValueToString, getValueFormat } from '@grafana/data';
import type uPlot from 'uplot';
import type { PanelInput, PanelKind } from '../contract';
import { visibleAnnotations } from '../graph/annotations';
import { gridColor } from '../graph/axes';
import { createTimePlot, formatTime, sizePlotBox } from '../graph/plot';
import { type TimeDrawing, type TimeFrame, timeView } from '../graph/time-view';
import { element, pixels } from '../../dom';
import type { Drawn } from '../shared/drawn';
import { fontFamily, textWidth } from '../shared/text-size';
import { tooltipContent } from '../shared/tooltip';
import { TOOLTIP_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { type CellFilter, type HeatmapGrid, heatmapGrid, type HeatmapRow, isShown, valueRange, withoutEmptyEnds } from './cells';
import { type ColorOptions, heatmapPalette, paletteIndex, SCHEMES } from './colors';

interface HeatmapOptions {
  color?: ColorOptions;
  cellGap?: number;
  filterValues?: CellFilter;
  cellValues?: { unit?: string; decimals?: number };
  yAxis?: { unit?: string; decimals?: number; axisLabel?: string; axisPlacement?: string; reverse?: boolean };
  legend?: { show?: boolean };
  tooltip?: { mode?: string; maxWidth?: number; maxHeight?: number };
}

interface Scale {
  min: number;
  max: number;
  palette: string[];
}

const LEGEND_HEIGHT = 26;
const LEGEND_WIDTH = 220;

export const heatmap: PanelKind = {
  create: () => timeView('heatmap', draw),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...TOOLTIP_OPTIONS,
        calculate: [false],
        'calculation.*': true,
        cellGap: true,
        'cellValues.unit': true,
        'cellValues.decimals': true,
        'color.mode': ['scheme', 'opacity'],
        'color.scheme': SCHEMES,
        'color.scale': ['exponential', 'linear'],
        'color.exponent': true,
        'color.fill': true,
        'color.steps': true,
        'color.reverse': true,
        'color.min': true,
        'color.max': true,
        'exemplars.color': true,
        'filterValues.le': true,
        'filterValues.ge': true,
        'legend.show': true,
        'rowsFrame.layout': ['auto', 'le'],
        'rowsFrame.value': true,
        showValue: ['never', 'auto'],
        'yAxis.unit': true,
        'yAxis.decimals': true,
        'yAxis.axisLabel': true,
        'yAxis.axisPlacement': ['left', 'auto', 'right', 'hidden'],
        'yAxis.reverse': true,
      },
      { 'hideFrom.*': true, 'scaleDistribution.type': ['linear'] },
    ),
  needsData: true,
};

function draw({ root, box, tooltip }: TimeFrame, input: PanelInput): TimeDrawing | undefined {
  const options = input.panel.options as HeatmapOptions;
  const whole = heatmapGrid(input.frames, input.intervalMs);
  const range = whole && valueRange(whole, options.filterValues);
  if (!whole || !range) {
    return undefined;
  }
  const grid = withoutEmptyEnds(whole, options.filterValues);
  const palette = heatmapPalette(options.color ?? {}, input.theme);
  const scale: Scale = { min: options.color?.min ?? range.min, max: options.color?.max ?? range.max, palette };
  const hasLegend = options.legend?.show !== false;
  const height = input.height - (hasLegend ? LEGEND_HEIGHT : 0);
  sizePlotBox(box, input.width, height);
  root.replaceChildren(box);
  if (hasLegend) {
    root.append(colorLegend(scale, options));
  }
  const plot = createTimePlot(box, {
    input,
    width: input.width,
    height,
    label: `${input.panel.title || 'Heatmap'}: ${grid.rows.length} buckets`,
    data: [grid.times, grid.times.map(() => null)] as uPlot.AlignedData,
    series: [{ scale: 'rows', points: { show: false } }],
    scales: { rows: { auto: false, range: () => [0, grid.rows.length], dir: options.yAxis?.reverse ? -1 : 1 } },
    axes: [bucketAxis(grid, options, input)],
    showCursorPoints: false,
    tooltip,
    drawAbove: (plot) => drawCells(plot, grid, scale, options),
    describe: (plot, place) => (options.tooltip?.mode === 'none' ? undefined : describe(plot, place, grid, scale, options, input)),
  });
  const drawn: Drawn = {
    kind: 'heatmap',
    x: grid.times,
    series: grid.rows.map((row) => ({ name: row.name, color: '', values: row.values, drawn: row.values, visible: true })),
    scales: { color: { min: scale.min, max: scale.max } },
    cells: grid.rows.flatMap((row) =>
      row.values.flatMap((value, index) => (isShown(value, options.filterValues) ? [{ x: grid.times[index]! - grid.step, xEnd: grid.times[index]!, row: row.name, value, color: cellColor(value, scale) }] : [])),
    ),
    annotations: visibleAnnotations(input).map(({ time, title }) => ({ time, title })),
  };
  return { plot, drawn };
}

function cellColor(value: number, { min, max, palette }: Scale): string {
  return palette[paletteIndex(value, min, max, palette.length)]!;
}

function drawCells(plot: uPlot, grid: HeatmapGrid, scale: Scale, options: HeatmapOptions): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  const columnWidth = plot.valToPos(grid.times[0]!, 'x', true) - plot.valToPos(grid.times[0]! - grid.step, 'x', true);
  // Between narrow columns a gap would be most of what is seen.
  const gap = columnWidth >= 5 * ratio ? (options.cellGap ?? 1) * ratio : 0;
  const rowGap = (options.cellGap ?? 1) * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  grid.rows.forEach((row, index) => {
    const edges = [plot.valToPos(index, 'rows', true), plot.valToPos(index + 1, 'rows', true)].sort((a, b) => a - b) as [number, number];
    const top = Math.round(edges[0]);
    const height = Math.max(1, Math.round(edges[1]) - top - rowGap);
    row.values.forEach((value, column) => {
      if (!isShown(value, options.filterValues)) {
        return;
      }
      const left = Math.round(plot.valToPos(grid.times[column]! - grid.step, 'x', true));
      const right = Math.round(plot.valToPos(grid.times[column]!, 'x', true));
      ctx.fillStyle = cellColor(value, scale);
      ctx.fillRect(left, top, Math.max(1, right - left - gap), height);
    });
  });
  ctx.restore();
}

/** Labels at the bounds between buckets; as many as there is room for. */
function bucketAxis(grid: HeatmapGrid, options: HeatmapOptions, input: PanelInput): uPlot.Axis {
  const { yAxis } = options;
  const labels = grid.rows.map((row) => boundText(row.upper, row.name, options));
  const areBounds = grid.rows.every((row) => row.upper !== undefined);
  const widest = Math.max(...labels.map((label) => textWidth(label, 12)));
  return {
    show: yAxis?.axisPlacement !== 'hidden',
    scale: 'rows',
    side: yAxis?.axisPlacement === 'right' ? 1 : 3,
    size: Math.ceil(widest) + 12,
    font: `12px ${fontFamily()}`,
    labelFont: `12px ${fontFamily()}`,
    ...(yAxis?.axisLabel ? { label: yAxis.axisLabel, labelSize: 20, labelGap: 0 } : {}),
    stroke: input.theme.colors.text.primary,
    gap: 5,
    grid: { show: true, stroke: gridColor(input.theme), width: 1 / (devicePixelRatio || 1) },
    ticks: { show: true, stroke: gridColor(input.theme), width: 1 / (devicePixelRatio || 1), size: 4 },
    // An upper bound stands at the top of its bucket, a name in the middle.
    splits: () => grid.rows.map((_, index) => index + (areBounds ? 1 : 0.5)),
    values: (plot) => {
      const room = plot.bbox.height / (devicePixelRatio || 1) / grid.rows.length;
      const every = Math.max(1, Math.ceil(18 / room));
      return labels.map((label, index) => ((labels.length - 1 - index) % every === 0 ? label : ''));
    },
  };
}

function boundText(bound: number | undefined, name: string, options: HeatmapOptions): string {
  if (bound === undefined) {
    return name;
  }
  return bound === Infinity ? '+Inf' : formattedValueToString(getValueFormat(options.yAxis?.unit ?? 'short')(bound, options.yAxis?.decimals));
}

function bucketText(row: HeatmapRow, options: HeatmapOptions): string {
  if (row.upper === undefined) {
    return row.name;
  }
  const upper = boundText(row.upper, row.name, options);
  if (row.lower === undefined) {
    return `up to ${upper}`;
  }
  return row.upper === Infinity ? `above ${boundText(row.lower, '', options)}` : `${boundText(row.lower, '', options)} to ${upper}`;
}

function countText(value: number, options: HeatmapOptions): string {
  return formattedValueToString(getValueFormat(options.cellValues?.unit ?? 'short')(value, options.cellValues?.decimals));
}

function describe(plot: uPlot, { left, top }: { left: number; top: number }, grid: HeatmapGrid, scale: Scale, options: HeatmapOptions, input: PanelInput): Node | undefined {
  const time = plot.posToVal(left, 'x');
  const row = grid.rows[Math.floor(plot.posToVal(top, 'rows'))];
  const column = grid.times.findIndex((end) => time <= end && time > end - grid.step);
  const value = row?.values[column] ?? null;
  if (!row || !isShown(value, options.filterValues)) {
    return undefined;
  }
  const end = grid.times[column]!;
  return tooltipContent(`${formatTime(end - grid.step, input)} to ${formatTime(end, input)}`, [
    { name: 'Bucket', value: bucketText(row, options) },
    { name: 'Count', color: cellColor(value, scale), value: countText(value, options) },
  ]);
}

function colorLegend(scale: Scale, options: HeatmapOptions): HTMLElement {
  const bar = element('div', { class: 'panel-color-scale', 'aria-hidden': 'true' });
  const stops = scale.palette.map((color, index) => `${color} ${((index / scale.palette.length) * 100).toFixed(1)}% ${(((index + 1) / scale.palette.length) * 100).toFixed(1)}%`);
  bar.style.background = `linear-gradient(90deg, ${stops.join(', ')})`;
  bar.style.width = pixels(LEGEND_WIDTH);
  return element(
    'div',
    { class: 'panel-heatmap-legend', 'data-legend': 'colors' },
    element('span', { 'data-legend-min': true }, countText(scale.min, options)),
    bar,
    element('span', { 'data-legend-max': true }, countText(scale.max, options)),
  );
}
