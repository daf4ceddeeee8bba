// The geometry of a gauge: an arc of 216 degrees, open at the bottom. Angles in radians, clockwise from three o'clock.
import type { ThresholdsConfig } from '@grafana/data';

export const START_ANGLE = 0.9 * Math.PI;
export const END_ANGLE = 2.1 * Math.PI;

/** Values beyond the limits stand at the ends. */
export function angleOf(value: number, min: number, max: number): number {
  const share = max > min ? Math.max(0, Math.min(1, (value - min) / (max - min))) : 0;
  return START_ANGLE + share * (END_ANGLE - START_ANGLE);
}

/** SVG path of a ring's piece between two radii. */
export function ringPath(x: number, y: number, inner: number, outer: number, from: number, to: number): string {
  const large = to - from > Math.PI ? 1 : 0;
  const point = (radius: number, angle: number) => `${(x + radius * Math.cos(angle)).toFixed(2)},${(y + radius * Math.sin(angle)).toFixed(2)}`;
  return [
    `M${point(outer, from)}`,
    `A${outer.toFixed(2)},${outer.toFixed(2)} 0 ${large} 1 ${point(outer, to)}`,
    `L${point(inner, to)}`,
    `A${inner.toFixed(2)},${inner.toFixed(2)} 0 ${large} 0 ${point(inner, from)}`,
    'Z',
  ].join('');
}

export interface GaugeBand {
  from: number;
  to: number;
  color: string;
}

/** The pieces between thresholds, within the limits. Percentages are shares of the range. */
export function thresholdBands(thresholds: ThresholdsConfig | undefined, min: number, max: number): GaugeBand[] {
  const steps = thresholds?.steps ?? [];
  const valueAt = (index: number) => {
    const { value } = steps[index]!;
    if (index === 0 || value === null) {
      return min;
    }
    return thresholds?.mode === 'percentage' ? min + ((max - min) * value) / 100 : value;
  };
  return steps.flatMap((step, index) => {
    const from = Math.max(min, valueAt(index));
    const to = Math.min(max, index + 1 < steps.length ? valueAt(index + 1) : max);
    return to > from ? [{ from, to, color: step.color }] : [];
  });
}
