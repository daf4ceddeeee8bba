// The choice "auto" of an interval variable: the time range divided into a number of steps.
// Source: Grafana documentation, "Add variables", "Add an interval variable".
import { rangeUtil, type TimeRange } from '@grafana/data';
import type { Variable } from '../../dashboard';
import { formatInterval } from '../intervals';

/** What stands for "auto" in `chosen` and in URLs. */
export function autoIntervalValue({ name }: Variable): string {
  return `$__auto_interval_${name}`;
}

/** `auto_count` steps (30), none shorter than `auto_min` (`10s`). */
export function autoInterval(definition: Variable, range: TimeRange, interpolate: (text: string) => string): string {
  const minimum = interpolate(definition.auto_min ?? '') || '10s';
  return formatInterval(rangeUtil.calculateInterval(range, Number(definition.auto_count) || 30, minimum).intervalMs);
}
