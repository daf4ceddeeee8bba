// Limits of a y-axis: hard, soft and automatic, linear, logarithmic and symmetric logarithmic.
import uPlot from 'uplot';

export interface ScaleOptions {
  min?: number | null;
  max?: number | null;
  softMin?: number | null;
  softMax?: number | null;
  distribution?: { type?: string; log?: number; linearThreshold?: number };
  centeredZero?: boolean;
  /** Zero decimals: the limits are whole numbers. */
  decimals?: number | null;
}

export type Limits = [min: number | null, max: number | null];

const PADDING = 0.1;

export function logBase(options: ScaleOptions): 2 | 10 {
  return options.distribution?.log === 10 ? 10 : 2;
}

/**
 * The limits for data between `dataMin` and `dataMax` (both null without data). A hard limit stands as it is, a soft one gives way to
 * data beyond it; without a soft limit zero is kept in view when the data come near it.
 */
export function axisLimits(options: ScaleOptions, dataMin: number | null, dataMax: number | null): Limits {
  const type = options.distribution?.type ?? 'linear';
  const hardMin = type === 'log' ? logLimit(options.min, options, Math.floor) : (options.min ?? null);
  const hardMax = type === 'log' ? logLimit(options.max, options, Math.ceil) : (options.max ?? null);
  if ((dataMin === null || dataMax === null) && (hardMin === null || hardMax === null)) {
    return [dataMin, dataMax];
  }
  let low = dataMin ?? hardMin!;
  let high = dataMax ?? hardMax!;
  if (type === 'log') {
    return validLimits(wholeLogLimits(uPlot.rangeLog(hardMin ?? low, hardMax ?? high, logBase(options), true), options), 1);
  }
  if (options.centeredZero) {
    high = Math.max(Math.abs(low), Math.abs(high));
    low = -high;
  }
  const hardMinOnly = hardMin !== null && (options.softMin ?? null) === null;
  const hardMaxOnly = hardMax !== null && (options.softMax ?? null) === null;
  let limits: Limits =
    type === 'symlog'
      ? uPlot.rangeAsinh(low, high, logBase(options), true)
      : uPlot.rangeNum(hardMinOnly ? hardMin : low, hardMaxOnly ? hardMax : high, {
          min: { pad: PADDING, hard: hardMin ?? -Infinity, soft: options.softMin ?? 0, mode: (options.softMin ?? null) === null ? 3 : 1 },
          max: { pad: PADDING, hard: hardMax ?? Infinity, soft: options.softMax ?? 0, mode: (options.softMax ?? null) === null ? 3 : 1 },
        });
  if (options.decimals === 0) {
    limits = [Math.floor(limits[0]!), Math.ceil(limits[1]!)];
  }
  if (hardMinOnly) {
    limits[0] = hardMin;
  }
  if (hardMaxOnly) {
    limits[1] = hardMax;
  }
  return validLimits(limits, 0);
}

/** A logarithmic scale begins and ends at a power of its base; limits of zero or less do not count. */
function logLimit(limit: number | null | undefined, options: ScaleOptions, round: (value: number) => number): number | null {
  if (limit === undefined || limit === null || limit <= 0) {
    return null;
  }
  const base = logBase(options);
  return base ** round(Number((Math.log(limit) / Math.log(base)).toFixed(9)));
}

function wholeLogLimits(limits: Limits, options: ScaleOptions): Limits {
  if (options.decimals !== 0) {
    return limits;
  }
  const min = Math.max(1, limits[0]!);
  return [min, Math.max(limits[1]!, min * logBase(options))];
}

function validLimits(limits: Limits, fallback: number): Limits {
  return limits[0]! < limits[1]! ? limits : [fallback, 100];
}

export function uplotScale(options: ScaleOptions): uPlot.Scale {
  const type = options.distribution?.type ?? 'linear';
  return {
    time: false,
    auto: true,
    distr: type === 'log' ? 3 : type === 'symlog' ? 4 : 1,
    log: logBase(options),
    asinh: options.distribution?.linearThreshold ?? 1,
    range: (_plot, dataMin, dataMax) => axisLimits(options, dataMin, dataMax),
  };
}
