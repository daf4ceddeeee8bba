// Time series: lines, bars and points over time.
import type uPlot from 'uplot';
import type { PanelInput, PanelKind, PanelView } from '../contract';
import { visibleAnnotations } from '../graph/annotations';
import { joinFrames } from '../graph/frames';
import { createTimePlot, sizePlotBox, type TimePlot } from '../graph/plot';
import { drawThresholds } from '../graph/thresholds';
import { legendCalcs } from '../legend/calcs';
import { buildLegend, isLegendShown, type LegendOptions } from '../legend/legend';
import { placeLegend } from '../legend/placement';
import { element } from '../../dom';
import { panelRoot, setDrawn, emptyDrawn } from '../shared/drawn';
import { showNoData } from '../shared/no-data';
import { createTooltip, renewTooltip } from '../shared/tooltip';
import { LEGEND_OPTIONS, TOOLTIP_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { type GraphModel, graphModel } from './model';
import { axisSides, plotAxes, plotBands, plotScales, plotSeries } from './plot-options';
import { describePointer, type TooltipOptions } from './tooltip';

interface TimeSeriesOptions {
  legend?: LegendOptions;
  tooltip?: TooltipOptions;
}

export const timeseries: PanelKind = { create, unsupported, needsData: true };

function unsupported(panel: Parameters<PanelKind['unsupported']>[0]): string[] {
  return unsupportedOptions(
    panel,
    { ...LEGEND_OPTIONS, ...TOOLTIP_OPTIONS, timezone: true, orientation: ['horizontal'] },
    {
      drawStyle: ['line', 'bars', 'points'],
      lineInterpolation: ['linear', 'smooth', 'stepBefore', 'stepAfter'],
      lineWidth: true,
      'lineStyle.fill': ['solid', 'dash', 'dot'],
      'lineStyle.dash': true,
      fillOpacity: true,
      fillBelowTo: true,
      fillColor: true,
      lineColor: true,
      pointColor: true,
      gradientMode: ['none', 'opacity', 'hue', 'scheme'],
      showPoints: ['auto', 'always', 'never'],
      pointSize: true,
      barAlignment: [-1, 0, 1],
      barWidthFactor: true,
      barMaxWidth: true,
      'stacking.mode': ['none', 'normal', 'percent'],
      'stacking.group': true,
      spanNulls: true,
      transform: ['constant', 'negative-Y'],
      axisPlacement: ['auto', 'left', 'right', 'hidden'],
      axisLabel: true,
      axisColorMode: ['text', 'series'],
      axisGridShow: true,
      axisBorderShow: true,
      axisCenteredZero: true,
      axisSoftMin: true,
      axisSoftMax: true,
      axisWidth: true,
      'scaleDistribution.type': ['linear', 'log', 'symlog'],
      'scaleDistribution.log': [2, 10],
      'scaleDistribution.linearThreshold': true,
      'thresholdsStyle.mode': ['off', 'line', 'dashed', 'area', 'line+area', 'dashed+area'],
      'hideFrom.*': true,
    },
  );
}

function create(): PanelView {
  const root = panelRoot('timeseries');
  const box = element('div', { class: 'panel-plot' });
  let tooltip = createTooltip();
  let current: TimePlot | undefined;
  let last: PanelInput | undefined;

  function clear(): void {
    current?.destroy();
    current = undefined;
    box.replaceChildren();
  }

  function update(input: PanelInput): void {
    const pointer = last && current ? { left: current.plot.cursor.left ?? -10, top: current.plot.cursor.top ?? -10 } : undefined;
    last = input;
    clear();
    const table = joinFrames(input.frames, { span: input.span });
    if (!table) {
      tooltip.hide();
      setDrawn(root, emptyDrawn('timeseries'));
      showNoData(root, input);
      return;
    }
    const options = input.panel.options as TimeSeriesOptions;
    const state = readerState(input);
    const model = graphModel(table, state.hidden, input.theme);
    const legendOptions = { ...options.legend, ...state.sort };
    const legend = isLegendShown(legendOptions) ? makeLegend(model, legendOptions, input) : undefined;
    const { plotWidth, plotHeight } = placeLegend(root, box, legend, legendOptions, input);
    sizePlotBox(box, plotWidth, plotHeight);
    tooltip = renewTooltip(tooltip, options.tooltip);
    current = drawPlot(model, options, input, plotWidth, plotHeight);
    if (pointer && pointer.left >= 0 && pointer.top >= 0) {
      const { plot } = current;
      // uPlot sets its scales in a microtask of its own, queued before this one.
      queueMicrotask(() => plot === current?.plot && plot.setCursor(pointer));
    }
    describeDrawn(model, current, input);
  }

  function drawPlot(model: GraphModel, options: TimeSeriesOptions, input: PanelInput, width: number, height: number): TimePlot {
    let focused: number | null = null;
    const layers = thresholdLayers(model);
    const stacked = new Set(model.bands.flatMap(({ upper, lower }) => [upper, lower]));
    return createTimePlot(box, {
      input,
      width,
      height,
      label: `${input.panel.title || 'Graph'}: ${model.series.map(({ source }) => source.name).join(', ')}`,
      data: [model.times, ...model.series.map(({ drawn }) => drawn)] as uPlot.AlignedData,
      series: model.series.map((item, index) => plotSeries(item, stacked.has(index), input.theme)),
      scales: plotScales(model),
      axes: plotAxes(model, input.theme, input.timeZone),
      bands: plotBands(model),
      tooltip,
      drawBelow: (plot) => layers.forEach((layer) => drawThresholds(plot, layer, input.theme)),
      describe: (plot, { index }) => describePointer(model, plot, index, { mode: 'single', ...options.tooltip }, focused, input),
      onFocus: (index) => {
        focused = index;
      },
    });
  }

  function makeLegend(model: GraphModel, options: LegendOptions, input: PanelInput): HTMLElement {
    const sides = axisSides(model);
    const shown = model.series.filter((item) => !item.options.hideFrom.legend);
    return buildLegend({
      options,
      hidden: readerState(input).hidden,
      entries: shown.map((item) => ({
        name: item.source.name,
        color: item.color,
        rightAxis: sides.get(item.scale) === 'right',
        dashed: Boolean(item.options.lineStyle.fill && item.options.lineStyle.fill !== 'solid'),
        calcs: legendCalcs(item.source.field, item.source.ownValues, options.calcs ?? [], input.theme, input.timeZone),
      })),
      onHiddenChange: (hidden) => {
        remember(input, 'hidden', hidden);
        refresh(box.ownerDocument.activeElement);
      },
      onSortChange: (sortBy, sortDesc) => {
        remember(input, 'sort', { sortBy, sortDesc });
        refresh(box.ownerDocument.activeElement);
      },
    });
  }

  /** Draws again and gives the keyboard's focus back to the same legend button. */
  function refresh(focused: Element | null): void {
    const label = focused?.textContent;
    if (last) {
      update(last);
    }
    const buttons = [...root.querySelectorAll<HTMLButtonElement>('.panel-legend button')];
    buttons.find((button) => button.textContent === label)?.focus();
  }

  function describeDrawn(model: GraphModel, { plot, axisRooms }: TimePlot, input: PanelInput): void {
    setDrawn(root, {
      kind: 'timeseries',
      x: model.times,
      series: model.series.map((item) => ({ name: item.source.name, color: item.color, values: item.values, drawn: item.drawn, scale: item.scale, visible: !item.hidden })),
      // Read when asked for: uPlot knows its limits only after this task.
      get scales() {
        return Object.fromEntries(
          model.series.map(({ scale, source }) => {
            const { min = null, max = null } = plot.scales[scale] ?? {};
            const { unit } = source.field.config;
            return [scale, { min, max, ...(unit ? { unit } : {}) }];
          }),
        );
      },
      get axes() {
        return axisRooms();
      },
      annotations: visibleAnnotations(input).map(({ time, timeEnd, title }) => ({ time, title, ...(timeEnd === undefined ? {} : { timeEnd }) })),
    });
  }

  return {
    element: root,
    update,
    destroy() {
      clear();
      tooltip.destroy();
    },
  };
}

function thresholdLayers(model: GraphModel) {
  const scales = new Set<string>();
  return model.series.flatMap((item, index) => {
    const { mode } = item.options.thresholdsStyle;
    if (mode === 'off' || item.hidden || scales.has(item.scale)) {
      return [];
    }
    scales.add(item.scale);
    return [{ field: item.source.field, series: index + 1, mode }];
  });
}

function readerState(input: PanelInput): { hidden: ReadonlySet<string>; sort?: { sortBy: string; sortDesc: boolean } } {
  const hidden = input.actions.memory.get(memoryKey(input, 'hidden')) as Set<string> | undefined;
  const sort = input.actions.memory.get(memoryKey(input, 'sort')) as { sortBy: string; sortDesc: boolean } | undefined;
  return { hidden: hidden ?? new Set(), ...(sort ? { sort } : {}) };
}

function remember(input: PanelInput, what: string, value: unknown): void {
  input.actions.memory.set(memoryKey(input, what), value);
}

function memoryKey(input: PanelInput, what: string): string {
  return `panel-${input.panel.id}-legend-${what}`;
}
