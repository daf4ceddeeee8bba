// Fills and lines whose colour changes along the plot.
import { type Field, FieldColorModeId, getFieldColorMode, type GrafanaTheme2, type ThresholdsConfig } from '@grafana/data';
import type uPlot from 'uplot';
import { hueNeighbours, withAlpha } from '../shared/colors';

export type GradientMode = 'none' | 'opacity' | 'hue' | 'scheme';
type Paint = string | ((plot: uPlot, index: number) => string | CanvasGradient);

export function fillPaint(color: string, opacity: number, mode: GradientMode, field: Field, theme: GrafanaTheme2): Paint | undefined {
  if (opacity <= 0) {
    return undefined;
  }
  switch (mode) {
    case 'opacity':
      return (plot) => vertical(plot, [withAlpha(color, opacity), withAlpha(color, 0)]);
    case 'hue': {
      const [bottom, top] = hueNeighbours(color, opacity, theme);
      return (plot) => vertical(plot, [top, bottom]);
    }
    case 'scheme':
      return schemePaint(field, opacity, theme) ?? withAlpha(color, opacity);
    default:
      return withAlpha(color, opacity);
  }
}

export function linePaint(color: string, mode: GradientMode, field: Field, theme: GrafanaTheme2): Paint {
  if (mode === 'hue') {
    const [bottom, top] = hueNeighbours(color, 1, theme);
    return (plot) => vertical(plot, [top, bottom]);
  }
  return (mode === 'scheme' && schemePaint(field, 1, theme)) || color;
}

function vertical(plot: uPlot, [top, bottom]: [string, string]): CanvasGradient {
  const gradient = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
  gradient.addColorStop(0, top);
  gradient.addColorStop(1, bottom);
  return gradient;
}

/** By thresholds in hard steps, by a continuous scheme smoothly; `undefined` where the colour does not depend on the value. */
function schemePaint(field: Field, opacity: number, theme: GrafanaTheme2): Paint | undefined {
  const mode = getFieldColorMode(field.config.color?.mode);
  const colorOf = (name: string) => withAlpha(theme.visualization.getColorByName(name), opacity);
  if (mode.id === FieldColorModeId.Thresholds && field.config.thresholds) {
    const { thresholds } = field.config;
    return (plot, index) => stopsPaint(plot, index, thresholdStops(thresholds, field, plot, index).map(({ value, color }) => ({ value, color: colorOf(color) })), true);
  }
  if (mode.getColors) {
    const colors = mode.getColors(theme).map(colorOf);
    return (plot, index) => {
      const { min, max } = valueRange(field, plot, index);
      const stops = colors.map((color, place) => ({ value: min + ((max - min) * place) / (colors.length - 1), color }));
      return stopsPaint(plot, index, stops, false);
    };
  }
  return undefined;
}

interface Stop {
  value: number;
  color: string;
}

export function thresholdStops(thresholds: ThresholdsConfig, field: Field, plot: uPlot, index: number): Stop[] {
  const range = valueRange(field, plot, index);
  return thresholds.steps.map((step) => ({
    value: thresholds.mode === 'percentage' ? range.min + ((range.max - range.min) * step.value) / 100 : (step.value ?? -Infinity),
    color: step.color,
  }));
}

function valueRange(field: Field, plot: uPlot, index: number): { min: number; max: number } {
  const scale = plot.scales[plot.series[index]!.scale!]!;
  return {
    min: field.config.min ?? field.state?.range?.min ?? scale.min ?? 0,
    max: field.config.max ?? field.state?.range?.max ?? scale.max ?? 100,
  };
}

function stopsPaint(plot: uPlot, index: number, stops: Stop[], isDiscrete: boolean): string | CanvasGradient {
  const key = plot.series[index]!.scale!;
  const { min, max } = plot.scales[key]!;
  if (min === undefined || max === undefined || min === null || max === null || max <= min) {
    return stops[0]?.color ?? 'transparent';
  }
  const bottom = plot.valToPos(min, key, true);
  const top = plot.valToPos(max, key, true);
  const gradient = plot.ctx.createLinearGradient(0, bottom, 0, top);
  const place = (value: number) => Math.max(0, Math.min(1, (plot.valToPos(Math.max(min, Math.min(max, value)), key, true) - bottom) / (top - bottom)));
  let previous: string | undefined;
  for (const stop of stops) {
    const at = place(stop.value);
    if (isDiscrete && previous !== undefined) {
      gradient.addColorStop(at, previous);
    }
    gradient.addColorStop(at, stop.color);
    previous = stop.color;
  }
  return gradient;
}
