// State timeline and status history: states over time, one row a series.
import { FieldColorModeId, formattedValueToString, getFieldSeriesColor } from '@grafana/data';
import type uPlot from 'uplot';
import type { PanelInput, PanelKind } from '../contract';
import type { Panel } from '../../dashboard';
import { gridColor } from '../graph/axes';
import { visibleAnnotations } from '../graph/annotations';
import { type GraphSeries, type GraphTable, joinFrames } from '../graph/frames';
import { createTimePlot, formatTime, sizePlotBox } from '../graph/plot';
import { type TimeDrawing, type TimeFrame, timeView } from '../graph/time-view';
import { buildLegend, isLegendShown, type LegendOptions } from '../legend/legend';
import { placeLegend } from '../legend/placement';
import { isTransparent } from '../shared/colors';
import { durationText } from '../shared/duration';
import type { Drawn } from '../shared/drawn';
import { fontFamily, shortened, textWidth } from '../shared/text-size';
import { tooltipContent } from '../shared/tooltip';
import { LEGEND_OPTIONS, TOOLTIP_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { drawRows, rowPlace, type TimelineRow, type TimelineStyle } from './draw';
import { sampleStep, type Segment, segmentAt, stateSegments, statusCells } from './segments';

interface TimelineOptions {
  mergeValues?: boolean;
  showValue?: 'auto' | 'always' | 'never';
  alignValue?: 'left' | 'center' | 'right';
  rowHeight?: number;
  colWidth?: number;
  legend?: LegendOptions;
  tooltip?: { mode?: string; maxWidth?: number; maxHeight?: number };
}

export const stateTimeline = timelineKind('state-timeline');
export const statusHistory = timelineKind('status-history');

function timelineKind(kind: 'state-timeline' | 'status-history'): PanelKind {
  return { create: () => timeView(kind, (frame, input) => draw(kind, frame, input)), unsupported, needsData: true };
}

function unsupported(panel: Panel): string[] {
  return unsupportedOptions(
    panel,
    {
      ...LEGEND_OPTIONS,
      ...TOOLTIP_OPTIONS,
      mergeValues: true,
      showValue: ['auto', 'always', 'never'],
      alignValue: ['left', 'center', 'right'],
      rowHeight: true,
      colWidth: true,
      timezone: true,
    },
    { fillOpacity: true, lineWidth: true, spanNulls: true, insertNulls: [false], axisPlacement: ['auto', 'left', 'hidden'], 'hideFrom.*': true },
  );
}

interface Row extends TimelineRow {
  source: GraphSeries;
}

function draw(kind: 'state-timeline' | 'status-history', { root, box, tooltip }: TimeFrame, input: PanelInput): TimeDrawing | undefined {
  const table = joinFrames(input.frames, { span: input.span, strings: true });
  const rows = table ? timelineRows(kind, table, input) : [];
  if (!table || rows.length === 0) {
    return undefined;
  }
  const options = input.panel.options as TimelineOptions;
  const legendOptions: LegendOptions = { ...options.legend, displayMode: 'list', calcs: [] };
  const entries = legendEntries(rows);
  const legend = isLegendShown(options.legend) && entries.length > 0 ? buildLegend({ options: legendOptions, entries, hidden: new Set() }) : undefined;
  const { plotWidth, plotHeight } = placeLegend(root, box, legend, legendOptions, input);
  sizePlotBox(box, plotWidth, plotHeight);
  const style = timelineStyle(kind, options, rows);
  const plot = createTimePlot(box, {
    input,
    width: plotWidth,
    height: plotHeight,
    label: `${input.panel.title || 'Timeline'}: ${rows.map((row) => `${row.name} ${lastText(row)}`).join(', ')}`,
    data: [table.times, ...rows.map(() => table.times.map(() => null))] as uPlot.AlignedData,
    series: rows.map((row) => ({ label: row.name, scale: 'rows', points: { show: false } })),
    scales: { rows: { auto: false, range: () => [0, rows.length] } },
    axes: [rowAxis(rows, input)],
    showCursorPoints: false,
    tooltip,
    drawAbove: (plot) => drawRows(plot, rows, style),
    describe: (plot, place) => (options.tooltip?.mode === 'none' ? undefined : describe(plot, place, rows, options, input)),
  });
  const drawn: Drawn = {
    kind,
    x: table.times,
    series: rows.map((row) => ({ name: row.name, color: '', values: row.source.values, drawn: [], visible: true })),
    scales: {},
    cells: rows.flatMap((row) => row.segments.map((segment) => ({ x: segment.from, xEnd: segment.to, row: row.name, value: row.textOf(segment), color: row.colorOf(segment) }))),
    annotations: visibleAnnotations(input).map(({ time, title }) => ({ time, title })),
  };
  return { plot, drawn };
}

function timelineRows(kind: string, table: GraphTable, input: PanelInput): Row[] {
  const options = input.panel.options as TimelineOptions;
  return table.series
    .filter(({ field }) => !field.config.custom?.hideFrom?.viz)
    .map((source): Row => {
      const { field } = source;
      const textOf = (value: unknown) => (field.display ? formattedValueToString(field.display(value)) : String(value));
      const colorMode = field.config.color?.mode;
      const isFixed = colorMode === FieldColorModeId.Fixed || colorMode === FieldColorModeId.PaletteClassic || colorMode === FieldColorModeId.PaletteClassicByName;
      const segments =
        kind === 'status-history'
          ? statusCells(table.times, source.values, sampleStep(source.frame.fields.find((candidate) => candidate.type === 'time')?.values ?? [], input.intervalMs))
          : stateSegments(table.times, source.values, input.span.to, options.mergeValues !== false, (a, b) => textOf(a) === textOf(b), field.config.custom?.spanNulls ?? false);
      return {
        name: source.name,
        source,
        segments,
        textOf: (segment) => textOf(segment.value),
        colorOf: (segment) => field.display?.(segment.value).color ?? (isFixed ? getFieldSeriesColor(field, input.theme).color : input.theme.colors.text.secondary),
      };
    });
}

function timelineStyle(kind: string, options: TimelineOptions, rows: Row[]): TimelineStyle {
  const custom = rows[0]?.source.field.config.custom as { fillOpacity?: number; lineWidth?: number } | undefined;
  return {
    rowHeight: options.rowHeight ?? 0.9,
    columnWidth: kind === 'status-history' ? (options.colWidth ?? 0.9) : 1,
    fillOpacity: (custom?.fillOpacity ?? 70) / 100,
    lineWidth: custom?.lineWidth ?? (kind === 'status-history' ? 1 : 0),
    showValue: options.showValue ?? 'auto',
    align: options.alignValue ?? (kind === 'status-history' ? 'center' : 'left'),
  };
}

/** The distinct states in the order of the mappings, then of their appearance. */
function legendEntries(rows: Row[]) {
  const states = new Map<string, { name: string; color: string; order: number; calcs: [] }>();
  for (const row of rows) {
    for (const segment of row.segments) {
      const name = row.textOf(segment);
      const color = row.colorOf(segment);
      if (!states.has(name) && !isTransparent(color)) {
        states.set(name, { name, color, order: mappingOrder(row, segment), calcs: [] });
      }
    }
  }
  return [...states.values()].sort((a, b) => a.order - b.order);
}

function mappingOrder(row: Row, segment: Segment): number {
  const place = (row.source.field.config.mappings ?? []).flatMap((mapping) => (mapping.type === 'value' ? Object.entries(mapping.options) : [])).findIndex(([value]) => value === String(segment.value));
  return place < 0 ? Infinity : place;
}

function lastText(row: Row): string {
  const last = row.segments[row.segments.length - 1];
  return last ? row.textOf(last) : '';
}

/** The names of the rows, in the middle of each. */
function rowAxis(rows: Row[], input: PanelInput): uPlot.Axis {
  const widest = Math.min(input.width * 0.35, Math.max(...rows.map((row) => textWidth(row.name, 12))));
  return {
    show: rows[0]?.source.field.config.custom?.axisPlacement !== 'hidden',
    scale: 'rows',
    side: 3,
    size: Math.ceil(widest) + 14,
    font: `12px ${fontFamily()}`,
    stroke: input.theme.colors.text.primary,
    gap: 8,
    grid: { show: false, stroke: gridColor(input.theme) },
    ticks: { show: false },
    splits: () => rows.map((_, index) => rows.length - index - 0.5),
    values: () => rows.map((row) => shortened(row.name, 12, widest)),
  };
}

function describe(plot: uPlot, { left, top }: { left: number; top: number }, rows: Row[], options: TimelineOptions, input: PanelInput): Node | undefined {
  const time = plot.posToVal(left, 'x');
  const height = plot.over.clientHeight;
  const index = Math.min(rows.length - 1, Math.floor((top / height) * rows.length));
  if (options.tooltip?.mode === 'multi') {
    const shown = rows.flatMap((row) => {
      const segment = segmentAt(row.segments, time);
      return segment ? [{ name: row.name, color: row.colorOf(segment), value: row.textOf(segment) }] : [];
    });
    return shown.length > 0 ? tooltipContent(formatTime(time, input), shown) : undefined;
  }
  const row = rows[index];
  const segment = row && segmentAt(row.segments, time);
  if (!row || !segment || top < rowPlace(index, rows.length, height, 1).top) {
    return undefined;
  }
  const from = Math.max(segment.from, input.span.from);
  const to = Math.min(segment.to, input.span.to);
  return tooltipContent(`${formatTime(from, input)} to ${formatTime(to, input)}`, [
    { name: row.name, color: row.colorOf(segment), value: row.textOf(segment) },
    { name: 'Duration', value: durationText(to - from) },
  ]);
}
