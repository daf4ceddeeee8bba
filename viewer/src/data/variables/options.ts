// Lists of options: the regex that picks and names them, and their order.
// Source: Grafana documentation, "Add variables", "Filter variables with regex" and the settings of query variables.

export interface Option {
  text: string;
  value: string;
}

/** `/pattern/flags`, or a pattern that must match the whole. Throws a plain sentence for one that is none. */
export function parseRegex(text: string): RegExp {
  const parts = /^\/(.*)\/([gimsuy]*)$/s.exec(text);
  try {
    return parts ? new RegExp(parts[1]!, parts[2]) : new RegExp(`^${text}$`);
  } catch (error) {
    throw new Error(`The regex ${text} cannot be read: ${(error as Error).message}.`);
  }
}

/**
 * Leaves out what does not match. The groups named `text` and `value` set both; otherwise the first group does, and with
 * the flag `g` every match becomes an option. Matches the value, or with `applyTo` the text.
 */
export function filterByRegex(options: Option[], regex: string, applyTo: 'value' | 'text' = 'value'): Option[] {
  if (!regex) return uniqueValues(options);
  const pattern = parseRegex(regex);
  return uniqueValues(options.flatMap((option) => applyPattern(option, pattern, applyTo)));
}

function applyPattern(option: Option, pattern: RegExp, applyTo: 'value' | 'text'): Option[] {
  const subject = option[applyTo];
  const single = pattern.global ? null : pattern.exec(subject);
  const matches = pattern.global ? [...subject.matchAll(pattern)] : single ? [single] : [];
  if (matches.length === 0) return [];
  const named = (group: string): string | undefined => matches.find((match) => match.groups?.[group] !== undefined)?.groups?.[group];
  const value = named('value');
  const text = named('text');
  if (value !== undefined || text !== undefined) return [{ value: value ?? text ?? '', text: text ?? value ?? '' }];
  const grouped = matches.filter((match) => match.length > 1);
  if (grouped.length === 0) return [option];
  const several = matches.length > 1 ? grouped : grouped.slice(0, 1);
  return several.map((match) => ({ text: match[1] ?? '', value: match[1] ?? '' })).filter((one) => one.value !== '');
}

function uniqueValues(options: Option[]): Option[] {
  const seen = new Set<string>();
  return options.filter(({ value }) => !seen.has(value) && seen.add(value));
}

/** Grafana's numbers: 0 as they come, 1 and 2 by letter, 3 and 4 by the first number, 5 and 6 without case, 7 and 8 natural; even ones descend. */
export function sortOptions(options: Option[], sort = 0): Option[] {
  const compare = comparators[Math.ceil(sort / 2)];
  if (!compare) return options;
  const sorted = [...options].sort(compare);
  return sort % 2 === 0 ? sorted.reverse() : sorted;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const firstNumber = (text: string): number => Number.parseInt(/\d+/.exec(text)?.[0] ?? '-1', 10);
const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

const comparators: (((a: Option, b: Option) => number) | undefined)[] = [
  undefined,
  (a, b) => byText(a.text, b.text),
  (a, b) => firstNumber(a.text) - firstNumber(b.text),
  (a, b) => byText(a.text.toLowerCase(), b.text.toLowerCase()),
  (a, b) => natural.compare(a.text, b.text),
];

/** `a, b, key : value`; `\,` is a comma inside a value. */
export function parseCustomOptions(text: string): Option[] {
  return [...text.matchAll(/(?:\\,|[^,])+/g)]
    .map(([part]) => part.replaceAll('\\,', ',').trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [, key, value] = /^(.+?)\s+:\s+(.+)$/s.exec(part) ?? [];
      return key !== undefined && value !== undefined ? { text: key.trim(), value: value.trim() } : { text: part, value: part };
    });
}
