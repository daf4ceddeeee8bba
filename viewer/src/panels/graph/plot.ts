// What all panels over time share: the time axis, the shared cursor, drag to zoom, annotations and the tooltip.
import { dateTimeFormat } from '@grafana/data';
import uPlot from 'uplot';
import type { PanelInput } from '../contract';
import { setStyles } from '../../dom';
import type { Tooltip } from '../shared/tooltip';
import { drawAnnotations, placeMarkers, visibleAnnotations } from './annotations';
import { EDGE_PADDING, timeAxis, zonedDate } from './axes';
import { type AxisRoom, fitAxes } from './axis-fit';

export interface TimePlotOptions {
  input: PanelInput;
  width: number;
  height: number;
  /** What the picture shows, for readers who do not see it. */
  label: string;
  data: uPlot.AlignedData;
  /** Without the first one, which is the time. */
  series: uPlot.Series[];
  scales: Record<string, uPlot.Scale>;
  axes: uPlot.Axis[];
  bands?: uPlot.Band[];
  showTimeAxis?: boolean;
  showCursorPoints?: boolean;
  tooltip: Tooltip;
  drawBelow?(plot: uPlot): void;
  drawAbove?(plot: uPlot): void;
  /** What to tell about the pointer's place; `undefined` for nothing. */
  describe?(plot: uPlot, place: { left: number; top: number; index: number }): Node | undefined;
  onFocus?(seriesIndex: number | null): void;
}

export interface TimePlot {
  plot: uPlot;
  /** Of the y-axes that are as wide as their labels. */
  axisRooms(): AxisRoom[];
  destroy(): void;
}

/** Free room at the ends of an axis whose last label would else be cut: uPlot's own function learns of the axes too late for its first layouts. */
function padding(axes: uPlot.Axis[]): [top: number, right: number, bottom: number, left: number] {
  const [top, right, bottom, left] = [0, 1, 2, 3].map((side) => axes.some((axis) => axis.show !== false && (axis.side ?? 2) === side));
  const room = (hasAxis: boolean | undefined, hasCrossAxis: boolean | undefined) => (hasAxis || !hasCrossAxis ? 0 : EDGE_PADDING);
  return [room(top, left || right), room(right, top || bottom), room(bottom, left || right), room(left, top || bottom)];
}

export function createTimePlot(target: HTMLElement, options: TimePlotOptions): TimePlot {
  const { input, tooltip } = options;
  const { span, actions } = input;
  const marks = visibleAnnotations(input);
  const source = {};
  let isPublishing = false;
  const fit = fitAxes(options.axes);
  const time = options.showTimeAxis === false ? { ...timeAxis(input.theme, input.timeZone), show: false } : timeAxis(input.theme, input.timeZone);

  function describe(plot: uPlot): void {
    const { left = -1, top = -1, idx } = plot.cursor;
    const content = left >= 0 && top >= 0 && idx !== null && idx !== undefined && options.describe ? options.describe(plot, { left, top, index: idx }) : undefined;
    if (!content) {
      tooltip.hide();
      return;
    }
    const { left: x, top: y } = plot.over.getBoundingClientRect();
    tooltip.show(content, x + left, y + top);
  }

  const plot = new uPlot(
    {
      width: Math.max(10, Math.floor(options.width)),
      height: Math.max(10, Math.floor(options.height)),
      ms: 1,
      padding: padding([time, ...options.axes]),
      ...(zonedDate(input.timeZone) ? { tzDate: zonedDate(input.timeZone)! } : {}),
      legend: { show: false },
      scales: { x: { time: true, auto: false, range: () => [span.from, span.to] }, ...options.scales },
      series: [{}, ...options.series],
      axes: [time, ...fit.axes],
      ...(options.bands ? { bands: options.bands } : {}),
      focus: { alpha: 1 },
      cursor: {
        drag: { x: true, y: false, setScale: false, dist: 5 },
        focus: { prox: 30 },
        points: options.showCursorPoints === false ? { show: false } : { size: 8, width: 2, fill: (self, index) => strokeColor(self, index), stroke: (self, index) => strokeColor(self, index) },
      },
      hooks: {
        drawClear: options.drawBelow ? [options.drawBelow] : [],
        draw: [
          (self) => {
            fit.fit(self);
            options.drawAbove?.(self);
            drawAnnotations(self, marks);
            placeMarkers(self, marks, input, tooltip);
          },
        ],
        setCursor: [
          (self) => {
            const { left = -1 } = self.cursor;
            // A plot that is drawn anew has no pointer yet: that is no news for the others.
            if (left >= 0 || isPublishing) {
              isPublishing = left >= 0;
              actions.cursor.publish(source, isPublishing ? self.posToVal(left, 'x') : undefined);
            }
            describe(self);
          },
        ],
        setSeries: [(_self, index) => options.onFocus?.(index)],
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            if (width > 2) {
              actions.zoom({ from: Math.round(self.posToVal(left, 'x')), to: Math.round(self.posToVal(left + width, 'x')) });
            }
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    },
    options.data,
    target,
  );
  plot.ctx.canvas.setAttribute('role', 'img');
  plot.ctx.canvas.setAttribute('aria-label', options.label);
  plot.over.addEventListener('click', () => tooltip.pin());
  const unsubscribe = actions.cursor.subscribe(source, (moment) => {
    const left = moment === undefined || moment < span.from || moment > span.to ? -10 : plot.valToPos(moment, 'x');
    // Without a vertical place there is a line and no tooltip.
    plot.setCursor({ left, top: -10 }, false);
  });
  return {
    plot,
    axisRooms: () => fit.rooms(plot),
    destroy() {
      unsubscribe();
      plot.destroy();
    },
  };
}

function strokeColor(plot: uPlot, index: number): string {
  const { stroke } = plot.series[index]!;
  const color = typeof stroke === 'function' ? stroke(plot, index) : stroke;
  return typeof color === 'string' ? color : ((plot.series[index] as { plainColor?: string }).plainColor ?? '#888888');
}

export function formatTime(time: number, input: Pick<PanelInput, 'timeZone'>): string {
  return dateTimeFormat(time, { timeZone: input.timeZone });
}

/** The element that holds a plot, of a fixed size so that uPlot's canvas never makes the panel scroll. */
export function sizePlotBox(box: HTMLElement, width: number, height: number): void {
  setStyles(box, { width: `${Math.floor(width)}px`, height: `${Math.floor(height)}px` });
}
