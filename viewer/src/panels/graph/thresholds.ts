// Threshold lines and areas behind a graph.
import type { Field, GrafanaTheme2 } from '@grafana/data';
import type uPlot from 'uplot';
import { isTransparent, withAlpha } from '../shared/colors';
import { thresholdStops } from './gradients';

export interface ThresholdLayer {
  field: Field;
  /** Index of the series, for its scale. */
  series: number;
  /** `line`, `dashed`, `area`, `line+area`, `dashed+area`. */
  mode: string;
}

/** For uPlot's `drawClear` hook, before grid and series. */
export function drawThresholds(plot: uPlot, layer: ThresholdLayer, theme: GrafanaTheme2): void {
  const { thresholds } = layer.field.config;
  const key = plot.series[layer.series]!.scale!;
  const scale = plot.scales[key];
  if (!thresholds || !scale || typeof scale.min !== 'number' || typeof scale.max !== 'number') {
    return;
  }
  const { min, max } = { min: scale.min, max: scale.max };
  const stops = thresholdStops(thresholds, layer.field, plot, layer.series);
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  stops.forEach((stop, index) => {
    const color = theme.visualization.getColorByName(stop.color);
    if (layer.mode.includes('area')) {
      const from = Math.max(min, stop.value);
      const to = Math.min(max, stops[index + 1]?.value ?? Infinity);
      if (to > from && !isTransparent(color)) {
        const bottom = plot.valToPos(from, key, true);
        const top = plot.valToPos(to, key, true);
        ctx.fillStyle = withAlpha(color, 0.15);
        ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      }
    }
    if ((layer.mode.includes('line') || layer.mode.includes('dashed')) && stop.value >= min && stop.value <= max) {
      const place = Math.round(plot.valToPos(stop.value, key, true));
      ctx.strokeStyle = withAlpha(color, 0.7);
      ctx.lineWidth = 2 * ratio;
      ctx.setLineDash(layer.mode.includes('dashed') ? [10 * ratio, 10 * ratio] : []);
      ctx.beginPath();
      ctx.moveTo(bbox.left, place);
      ctx.lineTo(bbox.left + bbox.width, place);
      ctx.stroke();
    }
  });
  ctx.restore();
}
