// From joined frames to what is drawn: colours, scales, stacking, and which series are shown.
import { type Field, getFieldSeriesColor, type GrafanaTheme2 } from '@grafana/data';
import type { GraphTable, GraphSeries } from '../graph/frames';
import { graphOptions, type GraphOptions, scaleKey } from './field-options';
import { stackSeries, type StackResult, type Values } from './stacking';

export interface ModelSeries {
  source: GraphSeries;
  options: GraphOptions;
  color: string;
  scale: string;
  /** Before stacking; for tooltips and legend. */
  values: Values;
  drawn: Values;
  /** Hidden by the reader or by an override. */
  hidden: boolean;
}

export interface GraphModel {
  times: number[];
  series: ModelSeries[];
  bands: StackResult['bands'];
}

export function graphModel(table: GraphTable, hiddenByReader: ReadonlySet<string>, theme: GrafanaTheme2): GraphModel {
  const series = table.series.map((source): ModelSeries => {
    const options = graphOptions(source.field);
    return {
      source,
      options,
      color: seriesColor(source.field, theme),
      scale: scaleKey(source.field.config, options),
      values: options.spanNulls && typeof options.spanNulls === 'number' ? spanShortGaps(source.values as Values, table.times, options.spanNulls) : (source.values as Values),
      drawn: [],
      hidden: Boolean(options.hideFrom.viz) || hiddenByReader.has(source.name),
    };
  });
  const { drawn, bands } = stackSeries(
    series.map(({ options, scale, values, hidden }) => ({
      values,
      mode: options.stacking.mode,
      group: options.stacking.group,
      scale,
      shape: shapeOf(options),
      hidden,
      ...(options.transform ? { transform: options.transform } : {}),
    })),
    table.times.length,
  );
  series.forEach((item, index) => {
    item.drawn = drawn[index]!;
  });
  return { times: table.times, series, bands };
}

export function seriesColor(field: Field, theme: GrafanaTheme2): string {
  return getFieldSeriesColor(field, theme).color;
}

function shapeOf(options: GraphOptions): string {
  const detail = options.drawStyle === 'bars' ? options.barAlignment : options.drawStyle === 'line' ? options.lineInterpolation : '';
  return `${options.drawStyle}|${detail}`;
}

/** Gaps of at most `limit` milliseconds are drawn through: their nulls become `undefined`, which uPlot does not break a line at. */
export function spanShortGaps(values: Values, times: number[], limit: number): Values {
  const result = values.slice();
  let last = -1;
  for (let index = 0; index < values.length; index++) {
    if (values[index] === null || values[index] === undefined) {
      continue;
    }
    if (last >= 0 && times[index]! - times[last]! <= limit) {
      result.fill(undefined, last + 1, index);
    }
    last = index;
  }
  return result;
}

/** Points that no line reaches, as both neighbours are gaps: they are drawn as dots. */
export function isolatedPoints(values: Values): number[] {
  const defined = values.flatMap((value, index) => (value === undefined ? [] : [index]));
  return defined.filter((index, place) => values[index] !== null && isGap(values, defined[place - 1]) && isGap(values, defined[place + 1]));
}

function isGap(values: Values, index: number | undefined): boolean {
  return index === undefined || values[index] === null;
}
