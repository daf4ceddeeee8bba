// Pie chart and donut of reduced values.
import { type FieldDisplay } from '@grafana/data';
import type { PanelInput, PanelKind } from '../contract';
import { buildLegend, isLegendShown, type LegendOptions } from '../legend/legend';
import { placeLegend } from '../legend/placement';
import { textOn } from '../shared/colors';
import { svgElement } from '../../dom';
import type { Drawn } from '../shared/drawn';
import { type SvgFrame, svgView } from '../shared/svg-view';
import { type Tooltip, tooltipContent } from '../shared/tooltip';
import { LEGEND_OPTIONS, REDUCE_OPTIONS, TOOLTIP_OPTIONS, unsupportedOptions } from '../shared/unsupported';
import { displayText, type ReducedOptions, reducedValues } from '../shared/values';
import { pieSlices, type Slice, slicePath } from './slices';

interface PieOptions extends ReducedOptions {
  pieType?: 'pie' | 'donut';
  sort?: 'asc' | 'desc' | 'none';
  displayLabels?: ('name' | 'value' | 'percent')[];
  legend?: LegendOptions & { values?: ('value' | 'percent')[] };
  tooltip?: { mode?: 'single' | 'multi' | 'none'; sort?: 'none' | 'asc' | 'desc'; hideZeros?: boolean };
}

const COLUMN_NAMES = { value: 'Value', percent: 'Percent' };

export const piechart: PanelKind = {
  create: () => svgView('piechart', 'panel-pie', draw),
  unsupported: (panel) =>
    unsupportedOptions(
      panel,
      {
        ...LEGEND_OPTIONS,
        ...REDUCE_OPTIONS,
        ...TOOLTIP_OPTIONS,
        'legend.values': true,
        pieType: ['pie', 'donut'],
        sort: ['asc', 'desc', 'none'],
        displayLabels: true,
      },
      { 'hideFrom.*': true },
    ),
  needsData: true,
};

function draw({ root, box, tooltip, hidden, onHiddenChange }: SvgFrame, input: PanelInput): Drawn | undefined {
  const options = input.panel.options as PieOptions;
  const values = sortedValues(reducedValues(input).filter((value) => value.view !== undefined && Number.isFinite(value.display.numeric)), options.sort ?? 'desc');
  if (values.length === 0) {
    return undefined;
  }
  const shown = values.filter((value) => !hidden.has(nameOf(value)));
  const slices = pieSlices(shown, (value) => value.display.numeric);
  const shares = new Map(slices.map((slice) => [slice.item, slice.share]));
  const legendOptions: LegendOptions = options.legend ?? {};
  const columns = (options.legend?.values ?? []).map((id) => ({ id, name: COLUMN_NAMES[id] }));
  const legend = isLegendShown(legendOptions)
    ? buildLegend({
        options: legendOptions,
        columns,
        hidden,
        entries: values.map((value) => ({
          name: nameOf(value),
          color: value.display.color ?? '#808080',
          calcs: columns.map(({ id, name }) => ({
            id,
            name,
            numeric: id === 'percent' ? (shares.get(value) ?? 0) : value.display.numeric,
            text: id === 'percent' ? percentText(shares.get(value) ?? 0) : displayText(value.display),
          })),
        })),
        onHiddenChange,
      })
    : undefined;
  const { plotWidth, plotHeight } = placeLegend(root, box, legend, legendOptions, input);
  box.replaceChildren(drawPie(slices, plotWidth, plotHeight, options, input, tooltip));
  return {
    kind: 'piechart',
    x: [],
    series: values.map((value) => ({ name: nameOf(value), color: value.display.color ?? '', values: [value.display.numeric], drawn: [shares.get(value) ?? null], visible: !hidden.has(nameOf(value)) })),
    scales: {},
    annotations: [],
  };
}

function drawPie(slices: Slice<FieldDisplay>[], width: number, height: number, options: PieOptions, input: PanelInput, tooltip: Tooltip): SVGSVGElement {
  const outer = Math.max(10, Math.min(width, height) / 2 - 6);
  const inner = options.pieType === 'donut' ? outer * 0.6 : 0;
  const svg = svgElement('svg', { width, height, role: 'img', 'aria-label': slices.map((slice) => `${nameOf(slice.item)} ${percentText(slice.share)}`).join(', ') });
  for (const slice of slices) {
    const color = slice.item.display.color ?? '#808080';
    const path = svgElement('path', {
      d: slicePath(width / 2, height / 2, inner, outer, slice.from, slice.to),
      fill: color,
      stroke: input.theme.colors.background.primary,
      'stroke-width': slices.length > 1 ? 1.5 : 0,
      'data-slice': nameOf(slice.item),
    });
    if (options.tooltip?.mode !== 'none') {
      path.addEventListener('pointermove', (event) => tooltip.show(describe(slices, slice, options), event.clientX, event.clientY));
      path.addEventListener('pointerleave', () => tooltip.hide());
    }
    svg.append(path);
    const label = sliceLabel(slice, options);
    if (label && slice.share > 0.04) {
      const middle = (slice.from + slice.to) / 2 - Math.PI / 2;
      const radius = inner > 0 ? (inner + outer) / 2 : outer * 0.65;
      svg.append(
        svgElement(
          'text',
          { x: width / 2 + radius * Math.cos(middle), y: height / 2 + radius * Math.sin(middle), fill: textOn(color), 'font-size': Math.max(10, Math.min(14, outer / 9)), 'text-anchor': 'middle', 'dominant-baseline': 'middle', class: 'panel-pie-label' },
          label,
        ),
      );
    }
  }
  return svg;
}

function sortedValues(values: FieldDisplay[], sort: string): FieldDisplay[] {
  const sign = sort === 'asc' ? 1 : -1;
  return sort === 'none' ? values : [...values].sort((a, b) => sign * (a.display.numeric - b.display.numeric));
}

function nameOf(value: FieldDisplay): string {
  return value.display.title ?? '';
}

/** As Grafana shows shares: whole percents, more digits only for small ones. */
export function percentText(share: number): string {
  const percent = share * 100;
  return `${percent.toLocaleString('en', { maximumFractionDigits: percent < 1 && percent > 0 ? 2 : 0 })}%`;
}

function sliceLabel(slice: Slice<FieldDisplay>, options: PieOptions): string {
  const texts = { name: nameOf(slice.item), value: displayText(slice.item.display), percent: percentText(slice.share) };
  return (options.displayLabels ?? []).map((part) => texts[part]).join(' ');
}

function describe(slices: Slice<FieldDisplay>[], active: Slice<FieldDisplay>, options: PieOptions): Node {
  const shown = options.tooltip?.mode === 'multi' ? slices : [active];
  const rows = shown.map((slice) => ({ name: nameOf(slice.item), color: slice.item.display.color ?? '#808080', value: `${displayText(slice.item.display)} (${percentText(slice.share)})`, active: slice === active }));
  return tooltipContent(nameOf(active.item), rows);
}
