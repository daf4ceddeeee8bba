// Steps between the ticks of a y-axis where round decimal numbers are not round to read: bytes and durations.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const YEAR = 365 * DAY;

const BINARY_UNITS = new Set(['bytes', 'bits', 'kbytes', 'mbytes', 'gbytes', 'binBps', 'binbps']);

const SECONDS_PER_UNIT: Record<string, number> = {
  ns: 1e-9, µs: 1e-6, ms: 1e-3, s: 1, m: MINUTE, h: HOUR, d: DAY,
  dtdurationms: 1e-3, dtdurations: 1, dthms: 1, dtdhms: 1, clockms: 1e-3, clocks: 1,
};

export function isBinaryUnit(unit: string): boolean {
  return BINARY_UNITS.has(unit);
}

export function isDurationUnit(unit: string): boolean {
  return Object.hasOwn(SECONDS_PER_UNIT, unit);
}

/** Powers of two, so that a byte axis reads 512 MiB and 1 GiB. */
export function binarySteps(): number[] {
  return Array.from({ length: 73 }, (_, index) => 2 ** (index - 10));
}

/**
 * Steps of an axis that reaches up to `max`, both in `unit`: as clocks count. A label is written in the largest unit that fits its value, 90 s as 1.5 min: where the axis reaches a unit, the steps
 * below are those that are short decimals of it (15 s, but not 10 s).
 */
export function durationSteps(unit: string, max: number): number[] {
  const secondsPerUnit = SECONDS_PER_UNIT[unit]!;
  const reaches = (seconds: number) => max * secondsPerUnit >= seconds;
  const steps = [
    ...(reaches(MINUTE) ? [1, 2, 5, 6, 15, 30] : [1, 2, 5, 10, 15, 30]),
    ...(reaches(HOUR) ? [1, 2, 5, 6, 15, 30] : [1, 2, 5, 10, 15, 30]).map((minutes) => minutes * MINUTE),
    ...[1, 2, 6, 12].map((hours) => hours * HOUR),
    ...(reaches(WEEK) ? [1, 1.75, 3.5] : [1, 2]).map((days) => days * DAY),
    ...[1, 2, 4, 13, 26].map((weeks) => weeks * WEEK),
    ...[1, 2, 5, 10, 20, 50, 100].map((years) => years * YEAR),
  ].map((seconds) => Number((seconds / secondsPerUnit).toPrecision(12)));
  // uPlot keeps the decimals of its own steps only, which are these below a second.
  return [...decimalSteps(steps[0]!), ...steps.filter((step) => Number.isInteger(step))];
}

/** 1, 2, 2.5 and 5 times a power of ten, below `limit`. */
function decimalSteps(limit: number): number[] {
  const steps = [];
  for (let exponent = -12; exponent < 12; exponent++) {
    steps.push(...[1, 2, 2.5, 5].map((factor) => Number(`${factor}e${exponent}`)));
  }
  return steps.filter((step) => step < limit);
}
