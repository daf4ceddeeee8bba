// The time range of a panel: the dashboard's, or its own ("Relative time"), moved back by "Time shift".
import { dateMath, dateTime, rangeUtil, type TimeRange } from '@grafana/data';
import type { Panel } from '../dashboard';
import type { TimeSpan } from '../panels/contract';

export interface PanelTime {
  range: TimeRange;
  span: TimeSpan;
  /** Settings that are no time, as `relative time "x"`. */
  invalid: string[];
}

/** `timeFrom` replaces a relative range only; `timeShift` moves every range. */
export function panelTime(panel: Pick<Panel, 'timeFrom' | 'timeShift'>, dashboardRange: TimeRange, interpolate: (text: string) => string): PanelTime {
  let range = dashboardRange;
  const invalid: string[] = [];
  const timeFrom = interpolate(panel.timeFrom ?? '').trim();
  if (timeFrom && typeof dashboardRange.raw.from === 'string') {
    const described = rangeUtil.describeTextRange(timeFrom);
    const to = described.to === 'now' ? dashboardRange.to : dateMath.parse(described.to, true);
    const from = described.invalid ? undefined : relativeTo(described.from, dashboardRange);
    if (from && to) range = { from, to, raw: { from: described.from, to: described.to } };
    else invalid.push(`relative time "${timeFrom}"`);
  }
  const timeShift = interpolate(panel.timeShift ?? '').trim();
  if (timeShift) {
    const shift = timeShift.startsWith('-') ? timeShift : `-${timeShift}`;
    const from = dateMath.parseDateMath(shift, dateTime(range.from), false);
    const to = dateMath.parseDateMath(shift, dateTime(range.to), true);
    if (from?.isValid() && to?.isValid()) range = { from, to, raw: { from, to } };
    else invalid.push(`time shift "${timeShift}"`);
  }
  return { range, span: { from: range.from.valueOf(), to: range.to.valueOf() }, invalid };
}

/** `now-1h` counted from the end of the dashboard's range where that is now, so that all panels end at the same instant. */
function relativeTo(text: string, range: TimeRange): ReturnType<typeof dateMath.parse> {
  if (range.raw.to !== 'now' || !text.startsWith('now')) return dateMath.parse(text, false);
  const rest = text.slice('now'.length);
  return rest ? dateMath.parseDateMath(rest, dateTime(range.to), false) : dateTime(range.to);
}
