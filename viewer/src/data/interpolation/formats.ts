// How the value of a variable is written into a text: `${name:format}`.
// Source: Grafana documentation, "Variable syntax", "Advanced variable format options".
import { dateTime, dateTimeFormat } from '@grafana/data';

export interface FormatInput {
  name: string;
  value: string | string[];
  /** What the reader sees instead of the value. */
  text: string;
  timeZone: string;
}

type Formatter = (input: FormatInput, argument: string | undefined) => string;

const each = (value: string | string[], change: (one: string) => string, separator = ','): string =>
  Array.isArray(value) ? value.map(change).join(separator) : change(value);

/** Escapes what a regular expression (RE2) reads as more than a character. */
function escapeRegex(value: string): string {
  return value.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
}

function escapeLucene(value: string): string {
  if (!Number.isNaN(Number(value))) return value;
  return value.replace(/([!*+\-=<>\s&|()[\]{}^~?:\\/"])/g, '\\$1');
}

/** Also what `encodeURIComponent` and `encodeURI` leave (RFC 3986). */
function encodeRest(encoded: string): string {
  return encoded.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function encodeStrictly(value: string): string {
  return encodeRest(encodeURIComponent(value));
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** `name=value` for each value. */
function parameters(value: string | string[], name: string, prefix = ''): string {
  return each(value, (one) => `${name}=${prefix}${encodeStrictly(one)}`, '&');
}

/** `{a,b}` for several values. */
function glob(value: string | string[]): string {
  if (!Array.isArray(value)) return value;
  return value.length > 1 ? `{${value.join(',')}}` : (value[0] ?? '');
}

export const formatters: Record<string, Formatter> = {
  csv: ({ value }) => each(value, (one) => one),
  // `customqueryparam:p-x:prefix`.
  customqueryparam: ({ name, value }, argument) => {
    const [own, prefix] = (argument ?? '').split(':');
    return parameters(value, encodeStrictly(own || name), encodeStrictly(prefix ?? ''));
  },
  date: ({ value, timeZone }, argument) => formatDate(Number(Array.isArray(value) ? value[0] : value), argument, timeZone),
  distributed: ({ name, value }) => (Array.isArray(value) ? value.map((one, index) => (index === 0 ? one : `${name}=${one}`)).join(',') : value),
  doublequote: ({ value }) => each(value, (one) => `"${one.replaceAll('"', '\\"')}"`),
  glob: ({ value }) => glob(value),
  html: ({ value }) => each(value, escapeHtml, ', '),
  join: ({ value }, argument) => each(value, (one) => one, argument ?? ','),
  json: ({ value }) => (Array.isArray(value) ? JSON.stringify(value) : value),
  lucene: ({ value }) => (Array.isArray(value) ? luceneList(value) : escapeLucene(value)),
  // The documentation shows the list without braces; Grafana itself writes them.
  percentencode: ({ value }) => encodeStrictly(Array.isArray(value) ? `{${value.join(',')}}` : value),
  pipe: ({ value }) => each(value, (one) => one, '|'),
  queryparam: ({ name, value }) => parameters(value, `var-${name}`),
  raw: ({ value }) => each(value, (one) => one),
  regex: ({ value }) => (Array.isArray(value) && value.length !== 1 ? `(${value.map(escapeRegex).join('|')})` : each(value, escapeRegex)),
  singlequote: ({ value }) => each(value, (one) => `'${one.replaceAll("'", "\\'")}'`),
  sqlstring: ({ value }) => each(value, (one) => `'${one.replaceAll("'", "''").replaceAll('"', '\\"')}'`),
  text: ({ text }) => text,
  uriencode: ({ value }) => encodeRest(encodeURI(Array.isArray(value) ? `{${value.join(',')}}` : value)),
};

function luceneList(values: string[]): string {
  return values.length === 0 ? '__empty__' : `(${values.map((one) => `"${escapeLucene(one)}"`).join(' OR ')})`;
}

/** `iso` (also without an argument), `seconds`, `ms`, or a pattern of moment such as `YYYY-MM`. Milliseconds go in. */
export function formatDate(milliseconds: number, argument: string | undefined, timeZone: string): string {
  if (!Number.isFinite(milliseconds)) return 'NaN';
  if (argument === undefined || argument === 'iso') return dateTime(milliseconds).toISOString();
  if (argument === 'seconds') return String(Math.round(milliseconds / 1000));
  if (argument === 'ms') return String(milliseconds);
  return dateTimeFormat(milliseconds, { format: argument, timeZone });
}

/** Whether `${x:format}` is one that the viewer writes. */
export function isKnownFormat(format: string): boolean {
  return Object.hasOwn(formatters, format.split(':', 1)[0]!);
}

/** `format` as it stands after the colon: `csv`, `date:YYYY-MM`. One that is not known lists the values as `glob` does, as Grafana does. */
export function formatValue(format: string, input: FormatInput): string {
  const [name = '', ...rest] = format.split(':');
  const formatter = Object.hasOwn(formatters, name) ? formatters[name]! : formatters.glob!;
  return formatter(input, rest.length > 0 ? rest.join(':') : undefined);
}
