// Annotations over a graph: lines and regions on the canvas, and a marker below for each, with its text on hover and focus.
import { dateTimeFormat } from '@grafana/data';
import type uPlot from 'uplot';
import type { AnnotationMark, PanelInput } from '../contract';
import { withAlpha } from '../shared/colors';
import { element, pixels } from '../../dom';
import type { Tooltip } from '../shared/tooltip';

export function visibleAnnotations(input: Pick<PanelInput, 'annotations' | 'span'>): AnnotationMark[] {
  return input.annotations.filter((mark) => mark.time <= input.span.to && (mark.timeEnd ?? mark.time) >= input.span.from);
}

/** For uPlot's `draw` hook. */
export function drawAnnotations(plot: uPlot, marks: AnnotationMark[]): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const mark of marks) {
    const from = plot.valToPos(mark.time, 'x', true);
    const isRegion = isRegionMark(mark);
    const to = isRegion ? plot.valToPos(mark.timeEnd!, 'x', true) : from;
    if (isRegion) {
      ctx.fillStyle = withAlpha(mark.color, 0.1);
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.strokeStyle = mark.color;
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    for (const position of isRegion ? [from, to] : [from]) {
      ctx.beginPath();
      ctx.moveTo(Math.round(position) + 0.5, bbox.top);
      ctx.lineTo(Math.round(position) + 0.5, bbox.top + bbox.height);
      ctx.stroke();
    }
  }
  ctx.restore();
}

function isRegionMark(mark: AnnotationMark): boolean {
  return mark.timeEnd !== undefined && mark.timeEnd > mark.time;
}

/** Buttons below the plot, for uPlot's `draw` hook as well: their places follow the scale. */
export function placeMarkers(plot: uPlot, marks: AnnotationMark[], input: PanelInput, tooltip: Tooltip): void {
  let layer = plot.over.querySelector<HTMLElement>('.panel-annotations');
  layer?.remove();
  if (marks.length === 0) {
    return;
  }
  layer = element('div', { class: 'panel-annotations' });
  const width = plot.over.clientWidth;
  for (const mark of marks) {
    const from = Math.max(0, plot.valToPos(mark.time, 'x'));
    const isRegion = isRegionMark(mark);
    const to = isRegion ? Math.min(width, plot.valToPos(mark.timeEnd!, 'x')) : from;
    const button = element('button', {
      type: 'button',
      class: isRegion ? 'panel-annotation-region' : 'panel-annotation-mark',
      'aria-label': `Annotation: ${mark.title || mark.text}, ${markTime(mark, input)}`,
    });
    button.style.left = pixels(from);
    button.style.color = mark.color;
    if (isRegion) {
      button.style.width = pixels(Math.max(2, to - from));
    }
    const show = () => {
      const box = button.getBoundingClientRect();
      tooltip.show(markContent(mark, input), box.left + box.width / 2, box.bottom);
    };
    button.addEventListener('pointerenter', show);
    button.addEventListener('focus', show);
    button.addEventListener('pointerleave', () => tooltip.hide());
    button.addEventListener('blur', () => tooltip.hide());
    // The plot below would take these as the start of a selection.
    for (const name of ['mousedown', 'mousemove', 'mouseup', 'click'] as const) {
      button.addEventListener(name, (event) => event.stopPropagation());
    }
    layer.append(button);
  }
  plot.over.append(layer);
}

function markTime(mark: AnnotationMark, input: PanelInput): string {
  const from = dateTimeFormat(mark.time, { timeZone: input.timeZone });
  return isRegionMark(mark) ? `${from} to ${dateTimeFormat(mark.timeEnd!, { timeZone: input.timeZone })}` : from;
}

function markContent(mark: AnnotationMark, input: PanelInput): DocumentFragment {
  const fragment = document.createDocumentFragment();
  fragment.append(element('div', { class: 'panel-tooltip-heading' }, markTime(mark, input)));
  fragment.append(element('div', { class: 'panel-annotation-title' }, mark.title));
  if (mark.text) {
    fragment.append(element('div', { class: 'panel-annotation-text' }, mark.text));
  }
  if (mark.tags.length > 0) {
    const tags = element('div', { class: 'panel-tags' });
    for (const tag of mark.tags) {
      tags.append(element('span', { class: 'panel-tag' }, tag));
    }
    fragment.append(tags);
  }
  return fragment;
}
