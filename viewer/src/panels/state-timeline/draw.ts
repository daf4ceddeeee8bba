// Draws rows of segments on a uPlot canvas.
import type uPlot from 'uplot';
import { isTransparent, textOn, withAlpha } from '../shared/colors';
import { fontFamily, textWidth } from '../shared/text-size';
import type { Segment } from './segments';

export interface TimelineRow {
  name: string;
  segments: Segment[];
  colorOf(segment: Segment): string;
  textOf(segment: Segment): string;
}

export interface TimelineStyle {
  /** Share of a row's height, 0 to 1. */
  rowHeight: number;
  /** Share of a cell's width (status history). */
  columnWidth: number;
  fillOpacity: number;
  lineWidth: number;
  showValue: 'auto' | 'always' | 'never';
  align: 'left' | 'center' | 'right';
}

const FONT_SIZE = 12;

/** Top and height of a row in the units of `height`. */
export function rowPlace(row: number, rows: number, height: number, share: number): { top: number; height: number } {
  const full = height / Math.max(1, rows);
  return { top: full * row + (full * (1 - share)) / 2, height: full * share };
}

export function drawRows(plot: uPlot, rows: TimelineRow[], style: TimelineStyle): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.textBaseline = 'middle';
  ctx.font = `${FONT_SIZE * ratio}px ${fontFamily()}`;
  rows.forEach((row, index) => {
    const place = rowPlace(index, rows.length, bbox.height, style.rowHeight);
    for (const segment of row.segments) {
      const color = row.colorOf(segment);
      const start = plot.valToPos(segment.from, 'x', true);
      const end = plot.valToPos(segment.to, 'x', true);
      const inset = ((end - start) * (1 - style.columnWidth)) / 2;
      const left = Math.max(bbox.left - ratio, start + inset);
      const width = Math.min(bbox.left + bbox.width + ratio, end - inset) - left;
      if (width <= 0 || isTransparent(color)) {
        continue;
      }
      const top = Math.round(bbox.top + place.top);
      const height = Math.max(1, Math.round(place.height));
      ctx.fillStyle = withAlpha(color, style.fillOpacity);
      ctx.fillRect(left, top, Math.max(1, width), height);
      if (style.lineWidth > 0) {
        ctx.strokeStyle = color;
        ctx.lineWidth = style.lineWidth * ratio;
        ctx.strokeRect(left, top, Math.max(1, width), height);
      }
      drawText(ctx, row.textOf(segment), color, style, { left, top, width, height }, ratio);
    }
  });
  ctx.restore();
}

function drawText(ctx: CanvasRenderingContext2D, text: string, color: string, style: TimelineStyle, box: { left: number; top: number; width: number; height: number }, ratio: number): void {
  if (style.showValue === 'never' || box.height < FONT_SIZE * ratio) {
    return;
  }
  const width = textWidth(text, FONT_SIZE) * ratio;
  const padding = 6 * ratio;
  if (style.showValue === 'auto' && width + 2 * padding > box.width) {
    return;
  }
  ctx.fillStyle = style.fillOpacity > 0.5 ? textOn(color) : color;
  ctx.textAlign = style.align;
  const x = style.align === 'left' ? box.left + padding : style.align === 'right' ? box.left + box.width - padding : box.left + box.width / 2;
  ctx.fillText(text, x, box.top + box.height / 2);
}
