// What the pointer reads from a graph: the nearest series, or all of them at this instant.
import { formattedValueToString } from '@grafana/data';
import type uPlot from 'uplot';
import type { PanelInput } from '../contract';
import { formatTime } from '../graph/plot';
import { element } from '../../dom';
import { linkAnchor } from '../shared/links';
import { tooltipContent, type TooltipRow } from '../shared/tooltip';
import type { GraphModel, ModelSeries } from './model';

export interface TooltipOptions {
  mode?: 'single' | 'multi' | 'none';
  sort?: 'none' | 'asc' | 'desc';
  hideZeros?: boolean;
  maxWidth?: number;
  maxHeight?: number;
}

interface Row extends TooltipRow {
  numeric: number;
  item: ModelSeries;
  index: number;
}

/** Sorted by value as the option says; series without a value at this instant are left out. */
export function tooltipRows(model: GraphModel, indexes: (number | null | undefined)[], options: TooltipOptions, active: number | undefined): Row[] {
  const rows: Row[] = [];
  model.series.forEach((item, place) => {
    const index = indexes[place + 1];
    const value = index === null || index === undefined ? undefined : item.values[index];
    if (item.hidden || item.options.hideFrom.tooltip || value === null || value === undefined || (options.hideZeros && value === 0)) {
      return;
    }
    const display = item.source.field.display?.(value);
    rows.push({
      name: item.source.name,
      color: item.color,
      value: display ? formattedValueToString(display) : String(value),
      numeric: value,
      active: place === active,
      item,
      index: index!,
    });
  });
  if (options.mode === 'single') {
    return rows.filter((row) => row.active);
  }
  if (options.sort === 'asc' || options.sort === 'desc') {
    rows.sort((a, b) => (options.sort === 'asc' ? a.numeric - b.numeric : b.numeric - a.numeric));
  }
  return rows;
}

export function describePointer(model: GraphModel, plot: uPlot, index: number, options: TooltipOptions, focused: number | null, input: PanelInput): Node | undefined {
  if (options.mode === 'none') {
    return undefined;
  }
  const active = focused === null ? undefined : focused - 1;
  const rows = tooltipRows(model, plot.cursor.idxs ?? [], options, active);
  if (rows.length === 0) {
    return undefined;
  }
  const heading = formatTime(model.times[index]!, input);
  return tooltipContent(heading, rows, linksOf(rows, model, input));
}

/** Data links of the nearest series at this instant. */
function linksOf(rows: Row[], model: GraphModel, input: PanelInput): Node | undefined {
  const row = rows.find((candidate) => candidate.active) ?? (rows.length === 1 ? rows[0] : undefined);
  const valueRowIndex = row ? row.item.source.rowOfTime(model.times[row.index]!) : -1;
  const links = row && valueRowIndex >= 0 ? (row.item.source.field.getLinks?.({ valueRowIndex }) ?? []) : [];
  if (links.length === 0) {
    return undefined;
  }
  const list = element('div', { class: 'panel-tooltip-links' });
  for (const link of links) {
    list.append(linkAnchor(link, input.actions));
  }
  return list;
}
