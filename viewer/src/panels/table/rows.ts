// The order of a table's rows, and the sums at its foot.
import { type DataFrame, type Field, FieldType, fieldReducers, formattedValueToString, getFieldDisplayName, reduceField } from '@grafana/data';

export interface SortState {
  /** The column's display name. */
  name: string;
  descending: boolean;
}

/** The row numbers in the order in which they are shown. Empty cells come last; equal rows keep their order. */
export function rowOrder(frame: DataFrame, sort: SortState | undefined, allFrames: DataFrame[]): number[] {
  const order = Array.from({ length: frame.length }, (_, row) => row);
  const field = sort && frame.fields.find((candidate) => getFieldDisplayName(candidate, frame, allFrames) === sort.name);
  if (!field) {
    return order;
  }
  const sign = sort.descending ? -1 : 1;
  return order.sort((a, b) => compareCells(field, field.values[a], field.values[b], sign));
}

function compareCells(field: Field, a: unknown, b: unknown, sign: number): number {
  const emptyA = isEmpty(a);
  const emptyB = isEmpty(b);
  if (emptyA || emptyB) {
    return Number(emptyA) - Number(emptyB);
  }
  if (field.type === FieldType.number || field.type === FieldType.time || field.type === FieldType.boolean) {
    return sign * (Number(a) - Number(b));
  }
  return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (typeof value === 'number' && Number.isNaN(value));
}

/** A click on a heading: ascending, descending, as it came. */
export function nextSort(current: SortState | undefined, name: string): SortState | undefined {
  if (current?.name !== name) {
    return { name, descending: false };
  }
  return current.descending ? undefined : { name, descending: true };
}

export interface FooterOptions {
  show?: boolean;
  reducer?: string[];
  /** Display names; empty: every number. */
  fields?: string | string[];
  countRows?: boolean;
}

/** Texts of the foot, one a column; `undefined` where there is no foot at all. */
export function footerTexts(frame: DataFrame, fields: Field[], footer: FooterOptions | undefined, allFrames: DataFrame[]): string[] | undefined {
  const ownReducers = fields.map((field) => (field.config.custom?.footer?.reducers as string[] | undefined) ?? []);
  if (!footer?.show && ownReducers.every((reducers) => reducers.length === 0)) {
    return undefined;
  }
  if (footer?.show && footer.countRows) {
    return fields.map((_, index) => (index === 0 ? `Count: ${frame.length}` : ''));
  }
  const chosen = footer?.fields ? [footer.fields].flat() : [];
  const texts = fields.map((field, index) => {
    const name = getFieldDisplayName(field, frame, allFrames);
    const isChosen = chosen.length === 0 || chosen.includes(name);
    const reducers = ownReducers[index]!.length > 0 ? ownReducers[index]! : footer?.show && isChosen ? (footer.reducer ?? []) : [];
    return field.type === FieldType.number ? reducers.map((id) => reducedText(field, id, ownReducers[index]!.length > 0)).join(' ') : '';
  });
  const [only] = footer?.reducer ?? [];
  if (texts[0] === '' && only) {
    texts[0] = fieldReducers.getIfExists(only)?.name ?? only;
  }
  return texts;
}

function reducedText(field: Field, id: string, isNamed: boolean): string {
  const reducer = fieldReducers.getIfExists(id);
  const value = reduceField({ field: { ...field, state: undefined }, reducers: [id] })[id];
  const text = reducer?.preservesUnits === false || !field.display ? String(value) : formattedValueToString(field.display(value));
  return isNamed ? `${reducer?.name ?? id}: ${text}` : text;
}
