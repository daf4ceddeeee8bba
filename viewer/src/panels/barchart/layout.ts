// Bars of categories: their places and sizes, as shares of the plot (0 to 1).
import { stackSeries, type Values } from '../timeseries/stacking';

export interface BarInput {
  /** One list of values a series, one value a category. */
  series: Values[];
  stacking: 'none' | 'normal' | 'percent';
  /** Share of a category's room that its bars take. */
  groupWidth: number;
  /** Share of a bar's room that the bar takes. */
  barWidth: number;
}

export interface Bar {
  series: number;
  category: number;
  /** Along the axis of categories. */
  start: number;
  size: number;
  /** In units of values: from where to where the bar reaches. */
  from: number;
  to: number;
}

export function barLayout({ series, stacking, groupWidth, barWidth }: BarInput): Bar[] {
  const categories = series[0]?.length ?? 0;
  const isStacked = stacking !== 'none';
  const stacked = stackSeries(
    series.map((values) => ({ values, mode: stacking, group: 'A', scale: '', shape: 'bars', hidden: false })),
    categories,
  );
  const below = new Map(stacked.bands.map(({ upper, lower }) => [upper, lower]));
  const room = 1 / Math.max(1, categories);
  const slots = isStacked ? 1 : Math.max(1, series.length);
  const slot = (room * groupWidth) / slots;
  return series.flatMap((values, index) =>
    values.flatMap((value, category) => {
      const to = stacked.drawn[index]![category];
      if (value === null || value === undefined || to === null || to === undefined) {
        return [];
      }
      const lower = below.get(index);
      const from = lower === undefined ? 0 : (stacked.drawn[lower]![category] ?? 0);
      const start = room * category + (room * (1 - groupWidth)) / 2 + slot * (isStacked ? 0 : index) + (slot * (1 - barWidth)) / 2;
      return [{ series: index, category, start, size: slot * barWidth, from, to }];
    }),
  );
}

/** Round steps of 1, 2 or 5 times a power of ten, at least `space` pixels apart. */
export function axisTicks(min: number, max: number, length: number, space: number): number[] {
  const least = ((max - min) * space) / Math.max(1, length);
  if (!(least > 0)) {
    return [min];
  }
  const magnitude = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= least)!;
  const ticks = [];
  for (let index = Math.ceil(min / step - 1e-9); index * step <= max + step * 1e-9; index++) {
    ticks.push(Number((index * step).toPrecision(12)));
  }
  return ticks;
}
