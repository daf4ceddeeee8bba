// Steps and intervals as Grafana computes them for Prometheus.
// Rules: Grafana documentation, "Prometheus template variables" ("Use $__rate_interval") and "Prometheus query editor" (Min step).
import { rangeUtil } from '@grafana/data';
import type { TimeSpan } from '../panels/contract';

/** What all queries have in common. */
export interface QueryPace {
  /** How often Prometheus scrapes, `15s`. */
  scrapeInterval: string;
  /** The most steps of a range query that are let through. */
  maxPoints: number;
}

export interface StepInput extends QueryPace {
  span: TimeSpan;
  /** "Max data points" of the panel, else its width in pixels. */
  maxDataPoints: number;
  /** "Min interval" of the panel, with variables filled in. */
  panelInterval?: string | undefined;
  /** "Min step" of the query, with variables filled in; also `$__rate_interval` or `$__interval`. */
  minStep?: string | undefined;
  /** Older queries multiply their step; 1 if left out. */
  factor?: number | undefined;
}

/** All in milliseconds. */
export interface Intervals {
  /** What `$__interval` is. */
  step: number;
  /** What `$__rate_interval` is. */
  rate: number;
}

/** Whether a text such as `30s`, `1m` or `1d` is one that intervals are made of. */
export function isInterval(text: string): boolean {
  return /^\d+(\.\d+)?(ms|[Mwdhmsy])$/.test(text.trim()) || /^\d+$/.test(text.trim());
}

/** The step of a query and its rate interval. Texts that are no interval are ignored; `invalidIntervals` names them. */
export function computeIntervals(input: StepInput): Intervals {
  const { span, maxDataPoints, scrapeInterval, factor = 1 } = input;
  const length = span.to - span.from;
  const points = Math.max(1, maxDataPoints);
  const panel = Math.max(toMilliseconds(input.panelInterval) ?? toMilliseconds(scrapeInterval) ?? 15_000, rangeUtil.roundInterval(length / points));
  const minStep = isVariable(input.minStep) ? undefined : toMilliseconds(input.minStep);
  // A min step replaces the panel's interval, also by a shorter one.
  const wanted = Math.max(minStep ?? panel, rangeUtil.roundInterval(length / points));
  const possible = Math.max(wanted, shortestStep(length, input.maxPoints));
  const scrape = minStep ?? toMilliseconds(scrapeInterval) ?? 15_000;
  if (isVariable(input.minStep, '__rate_interval')) {
    const rate = rateInterval(possible, scrape);
    return { step: rate, rate };
  }
  const step = possible * Math.max(1, factor);
  return { step, rate: rateInterval(Math.max(panel, step), scrape) };
}

/** The shortest step that makes no more points than are let through: one of Grafana's where that is long enough. */
function shortestStep(length: number, maxPoints: number): number {
  // Floored to the step, start and end may be one step further apart.
  const bound = length / (maxPoints - 1);
  const step = rangeUtil.roundInterval(bound);
  const unit = bound < 1000 ? 1 : 1000;
  return step >= bound ? step : Math.ceil(bound / unit) * unit;
}

/** `max(interval + scrape interval, 4 * scrape interval)`, where the min step of a query stands for the scrape interval. */
function rateInterval(interval: number, scrape: number): number {
  return Math.max(interval + scrape, 4 * scrape);
}

/** Of the texts that should be intervals, those that are none, as `min step "x"`. */
export function invalidIntervals(input: Pick<StepInput, 'panelInterval' | 'minStep'>): string[] {
  const found: string[] = [];
  if (input.panelInterval && !isInterval(input.panelInterval)) found.push(`min interval "${input.panelInterval}"`);
  if (input.minStep && !isVariable(input.minStep) && !isInterval(input.minStep)) found.push(`min step "${input.minStep}"`);
  return found;
}

function isVariable(text: string | undefined, only?: string): boolean {
  const name = /^\$(?:\{(\w+)\}|(\w+))$/.exec(text ?? '');
  const found = name?.[1] ?? name?.[2];
  return found !== undefined && (only === undefined ? found === '__interval' || found === '__rate_interval' : found === only);
}

function toMilliseconds(text: string | undefined): number | undefined {
  if (!text || !isInterval(text)) return undefined;
  const milliseconds = rangeUtil.intervalToMs(text.trim());
  return milliseconds > 0 ? milliseconds : undefined;
}

/** Start and end floored to the step, counted from midnight of the time zone: `offsetMinutes` is east of UTC. */
export function alignToStep(span: TimeSpan, step: number, offsetMinutes = 0): TimeSpan {
  const offset = offsetMinutes * 60_000;
  const floor = (time: number): number => Math.floor((time + offset) / step) * step - offset;
  return { from: floor(span.from), to: floor(span.to) };
}

/** As PromQL reads it, in the largest unit that is whole: `500ms`, `15s`, `2m`, `1h`, `1d`. */
export function formatInterval(milliseconds: number): string {
  const units: [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1000]];
  for (const [unit, size] of units) {
    if (milliseconds >= size && milliseconds % size === 0) return `${milliseconds / size}${unit}`;
  }
  return `${Math.round(milliseconds)}ms`;
}
