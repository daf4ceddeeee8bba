// Axes in Grafana's manner: size from the widest label, decimals from the step, times by the range.
import { dateTimeFormat, type GrafanaTheme2, guessDecimals, roundDecimals, systemDateFormats } from '@grafana/data';
import uPlot from 'uplot';
import { fontFamily, shortened, textWidth } from '../shared/text-size';
import { binarySteps, durationSteps, isBinaryUnit, isDurationUnit } from './steps';

export const AXIS_FONT_SIZE = 12;
const LABEL_SIZE = AXIS_FONT_SIZE + 8;
const TICK_SIZE = 4;
const GAP = 5;
const SMALL_PLOT_HEIGHT = 150;
/** What the labels of y-axes leave for the plot. */
const LEAST_PLOT_WIDTH = 80;
/** About what axes take from a plot's width; only decides about labels at the very edge. */
const SIDE_AXIS_WIDTH = 60;
/** Free room at a side without an axis. */
export const EDGE_PADDING = 8;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const YEAR = 365 * DAY;

export function gridColor(theme: GrafanaTheme2): string {
  return theme.isDark ? 'rgba(240, 250, 255, 0.09)' : 'rgba(0, 10, 23, 0.09)';
}

function commonAxis(theme: GrafanaTheme2, color?: string): uPlot.Axis {
  const stroke = gridColor(theme);
  const width = 1 / (globalThis.devicePixelRatio || 1);
  return {
    stroke: color ?? theme.colors.text.primary,
    font: `${AXIS_FONT_SIZE}px ${fontFamily()}`,
    labelFont: `${AXIS_FONT_SIZE}px ${fontFamily()}`,
    gap: GAP,
    grid: { show: true, stroke, width },
    ticks: { show: true, stroke, width, size: TICK_SIZE },
  };
}

export interface YAxisOptions {
  scale: string;
  theme: GrafanaTheme2;
  side: 'left' | 'right';
  label?: string;
  color?: string;
  showGrid: boolean;
  showBorder?: boolean;
  /** Pixels, instead of what the labels need. */
  width?: number;
  wholeNumbers?: boolean;
  /** Of the values, where steps follow it: bytes and durations. */
  unit?: string;
  format(value: number, decimals?: number): string;
}

export function yAxis(options: YAxisOptions): uPlot.Axis {
  const axis: uPlot.Axis = {
    ...commonAxis(options.theme, options.color),
    scale: options.scale,
    side: options.side === 'right' ? 1 : 3,
    size: (_plot, values) => options.width ?? labelWidth(values),
    space: (_plot, _axis, _min, _max, height) => (height <= SMALL_PLOT_HEIGHT ? 15 : 30),
    // Decimals only where the step has some: 4K and 3.5K, never 4K, 4K, 3K, 3K.
    values: (plot, splits, _axis, _space, step) => {
      const decimals = guessDecimals(roundDecimals(step, 6));
      const room = options.width ? options.width - TICK_SIZE - GAP : mostLabelWidth(plot);
      return splits.map((value) => (value === null || value === undefined ? '' : shortened(options.format(value, decimals > 0 ? decimals : undefined), AXIS_FONT_SIZE, room)));
    },
  };
  axis.grid = { ...axis.grid, show: options.showGrid };
  if (options.unit && isBinaryUnit(options.unit)) {
    axis.incrs = binarySteps();
  } else if (options.unit && isDurationUnit(options.unit)) {
    const { unit } = options;
    axis.incrs = (_plot, _axis, min, max) => durationSteps(unit, Math.max(Math.abs(min), Math.abs(max)));
  }
  if (options.wholeNumbers) {
    const whole: uPlot.Axis.Filter = (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? value : null));
    axis.filter = whole;
    axis.grid = { ...axis.grid, filter: whole };
    axis.ticks = { ...axis.ticks, filter: whole };
  }
  if (options.showBorder) {
    axis.border = { show: true, stroke: options.color ?? options.theme.colors.text.primary, width: 1 };
  }
  if (options.label) {
    axis.label = options.label;
    axis.labelSize = LABEL_SIZE;
    axis.labelGap = 0;
  }
  return axis;
}

/** uPlot also asks before it has labels or a width. */
function labelWidth(values: (string | number | null)[] | null): number {
  const widest = (values ?? []).reduce<number>((most, value) => Math.max(most, textWidth(String(value ?? ''), AXIS_FONT_SIZE)), 0);
  return Math.ceil(TICK_SIZE + GAP + widest);
}

/** Pixels for the labels of one y-axis: narrow panels keep some room for the plot, and longer labels are shortened. */
function mostLabelWidth(plot: uPlot): number {
  const axes = plot.axes.filter(({ side, show }) => side! % 2 === 1 && show !== false).length;
  return Math.max(plot.width * 0.4, plot.width - LEAST_PLOT_WIDTH) / Math.max(1, axes);
}

export function timeAxis(theme: GrafanaTheme2, timeZone: string): uPlot.Axis {
  return {
    ...commonAxis(theme),
    scale: 'x',
    side: 2,
    size: TICK_SIZE + GAP + AXIS_FONT_SIZE,
    space: (plot, _axis, min, max, width) => {
      const step = (max - min) / Math.max(1, width / 40);
      return textWidth(timeLabel(min, step, (plot.scales.x!.max ?? max) - (plot.scales.x!.min ?? min), timeZone), AXIS_FONT_SIZE) + 18;
    },
    values: (plot, splits, _axis, _space, step) => {
      const range = (plot.scales.x!.max ?? 0) - (plot.scales.x!.min ?? 0);
      const width = plot.width - SIDE_AXIS_WIDTH;
      return splits.map((time) => {
        if (time === null || time === undefined) {
          return '';
        }
        const label = timeLabel(time, step, range, timeZone);
        // A label that would be cut off at the right edge is left out.
        const room = ((plot.scales.x!.max! - time) / range) * width + EDGE_PADDING;
        return room < textWidth(label, AXIS_FONT_SIZE) / 2 ? '' : label;
      });
    },
  };
}

/** `step` and `range` in milliseconds decide how much of the time is shown. */
export function timeLabel(time: number, step: number, range: number, timeZone: string): string {
  const formats = systemDateFormats.interval;
  let format = formats.year;
  if (step < SECOND) {
    format = formats.millisecond;
  } else if (step < MINUTE) {
    format = formats.second;
  } else if (range <= DAY) {
    format = formats.minute;
  } else if (step <= DAY) {
    format = formats.hour;
  } else if (range < YEAR) {
    format = formats.day;
  } else if (step <= YEAR) {
    format = formats.month;
  }
  return dateTimeFormat(time, { format, timeZone });
}

/** What uPlot needs to place ticks at round times of another time zone. */
export function zonedDate(timeZone: string): ((milliseconds: number) => Date) | undefined {
  if (!timeZone || timeZone === 'browser') {
    return undefined;
  }
  const name = timeZone === 'utc' ? 'Etc/UTC' : timeZone;
  return (milliseconds) => uPlot.tzDate(new Date(milliseconds), name);
}
