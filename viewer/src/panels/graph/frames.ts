// From the frames of queries to one table of values over time: gaps become nulls, and all series share their instants.
import {
  applyNullInsertThreshold,
  type DataFrame,
  type Field,
  fieldMatchers,
  FieldMatcherID,
  FieldType,
  getFieldDisplayName,
  outerJoinDataFrames,
} from '@grafana/data';
import type { TimeSpan } from '../contract';

export interface GraphSeries {
  name: string;
  /** The field as queried, with its configuration, display and links. */
  field: Field;
  frame: DataFrame;
  /** One a point of `GraphTable.times`; `null` is a gap, `undefined` an instant of other series only. */
  values: (number | string | boolean | null | undefined)[];
  /** The field's own values, with `null` in place of what is not a finite number: for calculations. */
  ownValues: (number | string | boolean | null)[];
  /** Row of the field's own values for each of `GraphTable.times`, or -1. */
  rowOfTime(time: number): number;
}

export interface GraphTable {
  /** Milliseconds, ascending. */
  times: number[];
  series: GraphSeries[];
}

export interface TableOptions {
  span: TimeSpan;
  /** Strings are drawn too (state timelines), not only numbers and booleans. */
  strings?: boolean;
}

/** `undefined` when there is nothing to draw. Values that are not finite numbers become gaps. */
export function joinFrames(frames: DataFrame[], { span, strings = false }: TableOptions): GraphTable | undefined {
  const sources: { field: Field; frame: DataFrame; name: string; own: GraphSeries['ownValues'] }[] = [];
  const prepared: DataFrame[] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (!time || frame.length === 0) {
      continue;
    }
    const fields = [time];
    for (const field of frame.fields) {
      const own = drawableValues(field, strings);
      if (own) {
        const name = getFieldDisplayName(field, frame, frames);
        fields.push({ ...field, name: `${sources.length}`, values: own, state: { ...field.state, displayName: name } });
        sources.push({ field, frame, name, own });
      }
    }
    if (fields.length > 1) {
      const finite = { ...frame, fields };
      prepared.push(applyNullInsertThreshold({ frame: sorted(finite, time), refFieldPseudoMax: span.to }));
    }
  }
  if (prepared.length === 0) {
    return undefined;
  }
  const joined = outerJoinDataFrames({
    frames: prepared,
    joinBy: fieldMatchers.get(FieldMatcherID.firstTimeField).get({}),
    keepDisplayNames: true,
  });
  if (!joined || joined.length === 0) {
    return undefined;
  }
  const byNumber = new Map(joined.fields.slice(1).map((field) => [field.name, field.values]));
  return {
    times: joined.fields[0]!.values as number[],
    series: sources.map((source, index) => ({
      name: source.name,
      field: source.field,
      frame: source.frame,
      values: byNumber.get(`${index}`) ?? [],
      ownValues: source.own,
      rowOfTime: rowFinder(source.frame),
    })),
  };
}

function drawableValues(field: Field, strings: boolean): GraphSeries['ownValues'] | undefined {
  switch (field.type) {
    case FieldType.number:
      return field.values.map((value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
    case FieldType.boolean:
      return field.values.map((value: unknown) => (value === null || value === undefined ? null : strings ? Boolean(value) : Number(Boolean(value))));
    case FieldType.string:
    case FieldType.enum:
      return strings ? field.values.map((value: unknown) => (value === null || value === undefined || value === '' ? null : String(value))) : undefined;
    default:
      return undefined;
  }
}

function sorted(frame: DataFrame, time: Field): DataFrame {
  const times = time.values as number[];
  if (times.every((value, index) => index === 0 || times[index - 1]! <= value)) {
    return frame;
  }
  const order = times.map((_, index) => index).sort((a, b) => times[a]! - times[b]!);
  return { ...frame, fields: frame.fields.map((field) => ({ ...field, values: order.map((index) => field.values[index]) })) };
}

function rowFinder(frame: DataFrame): (time: number) => number {
  let rows: Map<number, number> | undefined;
  return (time) => {
    rows ??= new Map((frame.fields.find((field) => field.type === FieldType.time)?.values ?? []).map((value: number, row: number) => [value, row]));
    return rows.get(time) ?? -1;
  };
}
