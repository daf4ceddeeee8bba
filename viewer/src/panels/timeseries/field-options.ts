// The custom field options of a time series, with Grafana's defaults.
import type { Field, FieldConfig } from '@grafana/data';

export interface GraphOptions {
  drawStyle: 'line' | 'bars' | 'points';
  lineInterpolation: 'linear' | 'smooth' | 'stepBefore' | 'stepAfter';
  lineWidth: number;
  lineStyle: { fill?: string; dash?: number[] };
  fillOpacity: number;
  fillBelowTo?: string;
  gradientMode: 'none' | 'opacity' | 'hue' | 'scheme';
  showPoints: 'auto' | 'always' | 'never';
  pointSize: number;
  barAlignment: -1 | 0 | 1;
  barWidthFactor: number;
  barMaxWidth?: number;
  stacking: { mode: 'none' | 'normal' | 'percent'; group: string };
  spanNulls: boolean | number;
  insertNulls: boolean | number;
  transform?: 'constant' | 'negative-Y';
  axisPlacement: 'auto' | 'left' | 'right' | 'hidden';
  axisLabel: string;
  axisColorMode: 'text' | 'series';
  axisGridShow?: boolean;
  axisBorderShow: boolean;
  axisCenteredZero: boolean;
  axisSoftMin?: number;
  axisSoftMax?: number;
  axisWidth?: number;
  scaleDistribution: { type?: string; log?: number; linearThreshold?: number };
  thresholdsStyle: { mode: string };
  hideFrom: { viz?: boolean; legend?: boolean; tooltip?: boolean };
  lineColor?: string;
  fillColor?: string;
  pointColor?: string;
}

const DEFAULTS: GraphOptions = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  lineStyle: {},
  fillOpacity: 0,
  gradientMode: 'none',
  showPoints: 'auto',
  pointSize: 5,
  barAlignment: 0,
  barWidthFactor: 0.6,
  stacking: { mode: 'none', group: 'A' },
  spanNulls: false,
  insertNulls: false,
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: {},
};

export function graphOptions(field: Field): GraphOptions {
  const options = { ...DEFAULTS };
  for (const [name, value] of Object.entries((field.config.custom ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null) {
      Object.assign(options, { [name]: value });
    }
  }
  return options;
}

/** Fields whose key is equal share a scale and an axis. */
export function scaleKey(config: FieldConfig, options: GraphOptions): string {
  return JSON.stringify([
    options.stacking.mode === 'percent' ? 'percentunit' : (config.unit ?? 'none'),
    config.min,
    config.max,
    options.axisSoftMin,
    options.axisSoftMax,
    options.axisPlacement,
    options.axisLabel,
    options.axisCenteredZero,
    options.scaleDistribution,
  ]);
}

export function dashes({ fill, dash }: GraphOptions['lineStyle']): number[] | undefined {
  if (fill === 'dash') {
    return dash ?? [10, 10];
  }
  // A dash of no length with round caps is a dot.
  return fill === 'dot' ? (dash ?? [0, 10]) : undefined;
}
