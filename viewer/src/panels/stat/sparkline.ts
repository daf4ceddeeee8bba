// The small graph below or behind a stat, as SVG.
import { applyNullInsertThreshold } from '@grafana/data';
import type { FieldSparkline } from './types';
import { svgElement } from '../../dom';

export interface SparklineStyle {
  width: number;
  height: number;
  line: string;
  fill: string;
  isArea: boolean;
}

/** Pieces of a path between gaps: x and y in pixels. `y` grows downwards. */
export function sparklinePieces(times: number[], values: unknown[], limits: { min?: number | undefined; max?: number | undefined }, width: number, height: number): [number, number][][] {
  const numbers = values.map((value) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
  const present = numbers.filter((value): value is number => value !== null);
  if (present.length === 0) {
    return [];
  }
  const low = limits.min ?? Math.min(...present);
  const high = limits.max ?? Math.max(...present);
  const [min, max] = high > low ? [low, high] : [low - 1, high + 1];
  const first = times[0] ?? 0;
  const span = (times[times.length - 1] ?? 0) - first || 1;
  const pieces: [number, number][][] = [];
  let piece: [number, number][] = [];
  numbers.forEach((value, index) => {
    if (value === null) {
      piece = [];
      return;
    }
    if (piece.length === 0) {
      pieces.push(piece);
    }
    const share = Math.max(0, Math.min(1, (value - min) / (max - min)));
    piece.push([((times[index]! - first) / span) * width, height - 2 - share * (height - 4)]);
  });
  return pieces;
}

/** Where points are missing for longer than the step, a null stands between, so that no line is drawn over the gap. */
export function withGaps({ x, y }: FieldSparkline): { times: number[]; values: unknown[] } {
  if (!x?.config.interval) return { times: x?.values ?? y.values.map((_: unknown, index: number) => index), values: y.values };
  const frame = applyNullInsertThreshold({ frame: { fields: [x, y], length: y.values.length } });
  return { times: frame.fields[0]!.values, values: frame.fields[1]!.values };
}

export function drawSparkline(sparkline: FieldSparkline, style: SparklineStyle): SVGSVGElement | undefined {
  const { times, values } = withGaps(sparkline);
  if (values.length < 2) {
    return undefined;
  }
  const { width, height } = style;
  const range = sparkline.y.state?.range;
  const limits = { min: sparkline.y.config.min ?? range?.min ?? undefined, max: sparkline.y.config.max ?? range?.max ?? undefined };
  const pieces = sparklinePieces(times, values, limits, width, height);
  const svg = svgElement('svg', { class: 'panel-sparkline', width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true', preserveAspectRatio: 'none' });
  for (const piece of pieces) {
    const line = piece.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)},${y.toFixed(1)}`).join('');
    if (style.isArea) {
      svg.append(svgElement('path', { d: `${line}L${piece[piece.length - 1]![0].toFixed(1)},${height}L${piece[0]![0].toFixed(1)},${height}Z`, fill: style.fill }));
    }
    // A point between gaps is a dot: a line of no length with round ends.
    svg.append(svgElement('path', { d: piece.length === 1 ? `${line}h0` : line, fill: 'none', stroke: style.line, 'stroke-width': 1.5, 'stroke-linejoin': 'round', 'stroke-linecap': 'round' }));
  }
  return svg;
}
