// From the model to uPlot's series, scales, axes and bands.
import { formattedValueToString, getDisplayProcessor, type GrafanaTheme2 } from '@grafana/data';
import uPlot from 'uplot';
import { yAxis } from '../graph/axes';
import { fillPaint, linePaint } from '../graph/gradients';
import { uplotScale } from '../graph/scales';
import { withAlpha } from '../shared/colors';
import { dashes } from './field-options';
import { type GraphModel, isolatedPoints, type ModelSeries } from './model';

export function plotSeries(item: ModelSeries, isStacked: boolean, theme: GrafanaTheme2): uPlot.Series {
  const { options, source, color, scale, hidden } = item;
  const lineColor = options.lineColor ?? color;
  const series: uPlot.Series & { plainColor: string } = {
    label: source.name,
    scale,
    show: !hidden,
    spanGaps: options.spanNulls === true,
    stroke: linePaint(lineColor, options.gradientMode, source.field, theme),
    width: options.drawStyle === 'points' ? 0 : options.lineWidth,
    points: points(item, isStacked),
    paths: paths(item),
    plainColor: color,
  };
  const dash = dashes(options.lineStyle);
  if (dash && options.drawStyle === 'line') {
    series.dash = dash;
    series.cap = options.lineStyle.fill === 'dot' ? 'round' : 'butt';
  }
  const fill = options.drawStyle === 'points' ? undefined : fillPaint(options.fillColor ?? color, options.fillOpacity / 100, options.gradientMode, source.field, theme);
  if (fill) {
    series.fill = fill;
  }
  return series;
}

function paths({ options }: ModelSeries): uPlot.Series.PathBuilder {
  const builders = uPlot.paths;
  if (options.drawStyle === 'points') {
    return () => null;
  }
  if (options.drawStyle === 'bars') {
    return builders.bars!({ size: [options.barWidthFactor, options.barMaxWidth ?? Infinity], align: options.barAlignment });
  }
  switch (options.lineInterpolation) {
    case 'smooth':
      return builders.spline!();
    case 'stepBefore':
      return builders.stepped!({ align: -1 });
    case 'stepAfter':
      return builders.stepped!({ align: 1 });
    default:
      return builders.linear!();
  }
}

function points(item: ModelSeries, isStacked: boolean): uPlot.Series.Points {
  const { options, color } = item;
  const pointColor = options.pointColor ?? color;
  const result: uPlot.Series.Points = { size: options.pointSize, stroke: pointColor, fill: pointColor, width: 1 };
  // The key must be absent for "auto": uPlot then shows points where there is room for them.
  if (options.drawStyle === 'points' || options.showPoints === 'always') {
    result.show = true;
  } else if (options.showPoints === 'never' || options.drawStyle === 'bars') {
    result.show = false;
  }
  if (options.drawStyle === 'line' && options.spanNulls !== true && !isStacked) {
    const alone = isolatedPoints(item.drawn);
    result.filter = (_plot, _index, show) => (show ? null : alone);
  }
  return result;
}

/** Scales by key. Their limits come from what the shown series draw. */
export function plotScales(model: GraphModel): Record<string, uPlot.Scale> {
  const scales: Record<string, uPlot.Scale> = {};
  for (const { scale, options, source } of model.series) {
    const isPercent = options.stacking.mode === 'percent';
    scales[scale] ??= uplotScale({
      min: source.field.config.min ?? (isPercent ? 0 : null),
      max: source.field.config.max ?? (isPercent ? 1 : null),
      // The length of a bar tells its value only if it begins at zero.
      softMin: options.axisSoftMin ?? (options.drawStyle === 'bars' ? 0 : null),
      softMax: options.axisSoftMax ?? null,
      distribution: options.scaleDistribution,
      centeredZero: options.axisCenteredZero,
      decimals: isPercent ? null : (source.field.config.decimals ?? null),
    });
  }
  return scales;
}

/** The side of each scale's axis: the first automatic one is left, later ones are right. */
export function axisSides(model: GraphModel): Map<string, 'left' | 'right' | 'hidden'> {
  const sides = new Map<string, 'left' | 'right' | 'hidden'>();
  for (const { scale, options, hidden } of model.series) {
    if (sides.has(scale) || (hidden && options.hideFrom.viz)) {
      continue;
    }
    const { axisPlacement } = options;
    const hasLeft = [...sides.values()].includes('left');
    sides.set(scale, axisPlacement === 'auto' ? (hasLeft ? 'right' : 'left') : axisPlacement);
  }
  return sides;
}

export function plotAxes(model: GraphModel, theme: GrafanaTheme2, timeZone: string): uPlot.Axis[] {
  const axes: uPlot.Axis[] = [];
  let hasGrid = false;
  for (const [scale, side] of axisSides(model)) {
    if (side === 'hidden') {
      continue;
    }
    const { source, options, color } = model.series.find((item) => item.scale === scale)!;
    const isPercent = options.stacking.mode === 'percent';
    const display = isPercent
      ? getDisplayProcessor({ field: { ...source.field, config: { unit: 'percentunit' } }, theme, timeZone })
      : (source.field.display ?? getDisplayProcessor({ field: source.field, theme, timeZone }));
    axes.push(
      yAxis({
        scale,
        theme,
        side,
        showGrid: options.axisGridShow ?? !hasGrid,
        showBorder: options.axisBorderShow,
        wholeNumbers: source.field.config.decimals === 0 && !isPercent && (options.scaleDistribution.type ?? 'linear') === 'linear',
        format: (value, decimals) => formattedValueToString(display(value, source.field.config.decimals ?? decimals)),
        ...(source.field.config.unit && !isPercent && (options.scaleDistribution.type ?? 'linear') === 'linear' ? { unit: source.field.config.unit } : {}),
        ...(options.axisLabel ? { label: options.axisLabel } : {}),
        ...(options.axisColorMode === 'series' ? { color } : {}),
        ...(options.axisWidth ? { width: options.axisWidth } : {}),
      }),
    );
    hasGrid = true;
  }
  return axes;
}

/** Between stacked series, and from a series to the one that `fillBelowTo` names. Index 0 of uPlot is the time. */
export function plotBands(model: GraphModel): uPlot.Band[] {
  const bands: uPlot.Band[] = model.bands
    .filter(({ upper }) => model.series[upper]!.options.drawStyle !== 'points')
    .map(({ upper, lower, direction }) => ({ series: [upper + 1, lower + 1], dir: direction }));
  model.series.forEach((item, index) => {
    const lower = model.series.findIndex((other) => other.source.name === item.options.fillBelowTo);
    if (item.options.fillBelowTo && lower >= 0) {
      const fill = withAlpha(item.color, (item.options.fillOpacity || 35) / 100);
      bands.push({ series: [index + 1, lower + 1], fill, dir: -1 });
    }
  });
  return bands;
}
