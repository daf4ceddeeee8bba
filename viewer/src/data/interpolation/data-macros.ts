// Variables that read the data under a link or a display name: `${__value.raw}`, `${__field.labels.job}`, `${__data.fields.x}`.
// Source: Grafana documentation, "Configure data links and actions", "Data link variables".
import { type DataContextScopedVar, type DataFrame, type DisplayValue, type Field, FieldType, formatLabels, formattedValueToString, getFieldDisplayName, getFrameDisplayName, type ScopedVars } from '@grafana/data';
import type { MacroValue } from './index';

type Context = DataContextScopedVar['value'];

const plain = (value: unknown): MacroValue => ({ value: String(value ?? ''), text: String(value ?? ''), several: false });

/** Undefined where the name is none of these, or there is no data. */
export function dataMacro(name: string, path: string | undefined, scopedVars: ScopedVars | undefined): MacroValue | undefined {
  const context = scopedVars?.__dataContext?.value;
  if (!context) return undefined;
  if (name === '__value') return valueMacro(context, path);
  if (name === '__field') return fieldMacro(context, path);
  if (name === '__series') return path === 'name' ? plain(getFrameDisplayName(context.frame, context.frameIndex)) : undefined;
  if (name === '__data') return tableMacro(context, path);
  return undefined;
}

function valueMacro({ frame, field, rowIndex, calculatedValue }: Context, path: string | undefined): MacroValue | undefined {
  if (path === 'time') {
    const time = frame.fields.find(({ type }) => type === FieldType.time);
    return plain(time && rowIndex !== undefined ? time.values[rowIndex] : '');
  }
  if (calculatedValue) return shown(calculatedValue, calculatedValue.numeric, path);
  if (rowIndex === undefined) return undefined;
  return cell(field, rowIndex, path);
}

/** `raw` as queried, `numeric` as a number, `text` and without a path as shown. */
function shown(display: DisplayValue, raw: unknown, path: string | undefined): MacroValue | undefined {
  if (path === 'raw') return plain(raw);
  if (path === 'numeric') return plain(display.numeric);
  if (path === undefined || path === 'text') return plain(formattedValueToString(display));
  return undefined;
}

function cell(field: Field, row: number, path: string | undefined): MacroValue | undefined {
  const raw: unknown = field.values[row];
  return shown(field.display?.(raw) ?? { text: String(raw ?? ''), numeric: Number(raw) }, raw, path);
}

function fieldMacro({ field, frame, data }: Context, path: string | undefined): MacroValue | undefined {
  if (path === undefined || path === 'name' || path === 'displayName') return plain(getFieldDisplayName(field, frame, data));
  if (path === 'labels') return plain(formatLabels(field.labels ?? {}, '', true));
  const [labels, label] = splitPath(path);
  return labels === 'labels' && label !== undefined ? plain(field.labels?.[label] ?? '') : undefined;
}

function tableMacro({ frame, data, rowIndex }: Context, path: string | undefined): MacroValue | undefined {
  if (path === 'name') return plain(frame.name ?? '');
  if (path === 'refId') return plain(frame.refId ?? '');
  const [fields, column, what] = splitPath(path ?? '');
  if (fields !== 'fields' || column === undefined) return undefined;
  const field = findColumn(frame, data, column);
  return field ? cell(field, rowIndex ?? 0, what) : undefined;
}

/** By display name, by name, by a label's name, or by number. */
function findColumn(frame: DataFrame, data: DataFrame[], column: string): Field | undefined {
  return (
    frame.fields.find((field) => getFieldDisplayName(field, frame, data) === column) ??
    frame.fields.find((field) => field.name === column) ??
    (/^\d+$/.test(column) ? frame.fields[Number(column)] : undefined)
  );
}

/** `fields["a b"].text`, `fields[0]`, `labels.job` -> their parts. */
export function splitPath(path: string): string[] {
  return [...path.matchAll(/\[(?:"([^"]*)"|'([^']*)'|(\d+))\]|([^.[\]]+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? '');
}
