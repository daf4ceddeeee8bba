// The numbers of a legend: Grafana's reducers over a series, formatted as the series is.
import {
  type DisplayValue,
  type Field,
  FieldType,
  fieldReducers,
  formattedValueToString,
  getDisplayProcessor,
  type GrafanaTheme2,
  reduceField,
  ReducerID,
} from '@grafana/data';

export interface LegendCalc {
  /** Of the reducer, such as `lastNotNull`. */
  id: string;
  /** As the column is headed, such as `Last *`. */
  name: string;
  numeric: number;
  text: string;
}

const COUNTS: string[] = [ReducerID.count, ReducerID.countAll, ReducerID.changeCount, ReducerID.distinctCount];

/** `values` replaces those of the field (gaps as null): reducers must not see NaN. */
export function legendCalcs(field: Field, values: unknown[], calcs: string[], theme: GrafanaTheme2, timeZone: string): LegendCalc[] {
  if (calcs.length === 0) {
    return [];
  }
  // Without `state`: reduceField caches its results there, and these values may differ from the field's.
  const results = reduceField({ field: { ...field, values, state: undefined }, reducers: calcs });
  return calcs.map((id) => {
    const display = formatterFor(id, field, theme, timeZone)(results[id]);
    return { id, name: calcName(id), numeric: numericOf(results[id]), text: formattedValueToString(display) };
  });
}

export function calcName(id: string): string {
  return fieldReducers.getIfExists(id)?.name ?? id;
}

function formatterFor(id: string, field: Field, theme: GrafanaTheme2, timeZone: string): (value: unknown) => DisplayValue {
  if (COUNTS.includes(id)) {
    return getDisplayProcessor({ field: { type: FieldType.number, config: {} }, theme, timeZone });
  }
  if (id === ReducerID.diffperc) {
    return getDisplayProcessor({ field: { type: FieldType.number, config: { ...field.config, unit: 'percent' } }, theme, timeZone });
  }
  return field.display ?? getDisplayProcessor({ field, theme, timeZone });
}

function numericOf(value: unknown): number {
  return typeof value === 'number' ? value : value === true ? 1 : Number.NaN;
}

/**
 * Orders legend entries by a column's name or by `Name`, as `legend.sortBy` stores it. Entries without a number come last.
 * Without `sortBy` the order of the series stays.
 */
export function sortLegend<T extends { name: string; calcs: LegendCalc[] }>(entries: T[], sortBy: string | undefined, descending: boolean): T[] {
  if (!sortBy) {
    return entries;
  }
  const sign = descending ? -1 : 1;
  if (sortBy === 'Name') {
    return [...entries].sort((a, b) => sign * a.name.localeCompare(b.name, undefined, { numeric: true }));
  }
  const numeric = (entry: T) => entry.calcs.find((calc) => calc.name === sortBy || calc.id === sortBy)?.numeric ?? Number.NaN;
  return [...entries].sort((a, b) => compareNumbers(numeric(a), numeric(b), sign));
}

function compareNumbers(a: number, b: number, sign: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) {
    return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  }
  return sign * (a - b);
}
