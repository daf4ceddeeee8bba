// Times, durations and labels in the words of Prometheus's own pages.
import { element, type Child } from '../../dom';

/** Go's zero time stands for "never". */
export function timestamp(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isFinite(time) && time > 0 ? time : undefined;
}

/** `12.3s ago`, `never`; the time itself as the title. */
export function ago(text: string | undefined, now = Date.now()): HTMLElement {
  const time = timestamp(text);
  if (time === undefined) return element('span', { class: 'muted' }, 'never');
  return element('time', { datetime: new Date(time).toISOString(), title: new Date(time).toLocaleString() }, `${duration((now - time) / 1000)} ago`);
}

/** Seconds as `3.21ms`, `12.3s`, `4m 5s`, `2h 3m`, `5d 6h`. */
export function duration(seconds: number): string {
  const value = Math.max(0, seconds);
  if (value === 0) return '0s';
  if (value < 0.001) return `${(value * 1e6).toFixed(0)}µs`;
  if (value < 1) return `${Number((value * 1000).toPrecision(3))}ms`;
  if (value < 60) return `${Number(value.toPrecision(3))}s`;
  const units: [string, number][] = [['d', 86_400], ['h', 3600], ['m', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => value >= size);
  const [unit, size] = units[first] ?? ['s', 1];
  const next = units[first + 1];
  const rest = next ? Math.floor((value % size) / next[1]) : 0;
  return `${Math.floor(value / size)}${unit}${next && rest > 0 ? ` ${rest}${next[0]}` : ''}`;
}

/** `show` writes a value, such as one that is still a template. */
export function labelChips(labels: Record<string, string>, without: string[] = [], show: (value: string) => Child = (value) => value): HTMLElement {
  const rows = Object.entries(labels).filter(([name]) => !without.includes(name));
  return element('span', { class: 'labels' }, rows.map(([name, value]) =>
    element('span', { class: 'label-chip' }, element('span', { class: 'label-name' }, name), '=', element('span', {}, '"', show(value), '"'))));
}

export function stateBadge(state: string, text = state): HTMLElement {
  return element('span', { class: `state state-${state.toLowerCase()}` }, text);
}

/** An address that a browser may follow, else undefined. */
export function safeUrl(text: string | undefined): string | undefined {
  return text && /^https?:\/\//i.test(text) ? text : undefined;
}
