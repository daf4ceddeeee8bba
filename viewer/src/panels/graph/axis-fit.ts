// Axes as wide as their labels. uPlot lays a plot out at most three times, while each layout may change the labels: the last one is
// drawn whether or not its labels fit. Here that is noticed, and the plot laid out once more from there.
import type uPlot from 'uplot';

/** What the labels of a y-axis need and have, in pixels of CSS. */
export interface AxisRoom {
  labels: string[];
  needed: number;
  room: number;
}

export interface AxisFit {
  axes: uPlot.Axis[];
  /** For uPlot's `draw` hook. */
  fit(plot: uPlot): void;
  rooms(plot: uPlot): AxisRoom[];
}

/** Layouts after the first draw. One is enough unless labels and sizes chase each other. */
const MOST_LAYOUTS = 2;
const LEFT = 3;

/** Copies of the axes that report their sizes. */
export function fitAxes(axes: uPlot.Axis[]): AxisFit {
  const wanted = new Map<number, { labels: string[]; needed: number }>();
  let layouts = 0;

  function rooms(plot: uPlot): AxisRoom[] {
    const ratio = globalThis.devicePixelRatio || 1;
    const left = plot.bbox.left / ratio;
    const right = plot.width - left - plot.bbox.width / ratio;
    return [...wanted].map(([place, { labels, needed }]) => {
      const { side } = axes[place]!;
      const neighbours = axes.flatMap((axis, other) => (axis.side === side && wanted.has(other) ? [wanted.get(other)!.needed + (axis.label ? axis.labelSize! : 0)] : []));
      const missing = neighbours.reduce((sum, size) => sum + size, 0) - (side === LEFT ? left : right);
      return { labels, needed, room: needed - missing };
    });
  }

  return {
    rooms,
    axes: axes.map((axis, place) => {
      const { size } = axis;
      if (typeof size !== 'function') {
        return axis;
      }
      return {
        ...axis,
        size: (plot, values, index, cycle) => {
          const needed = size(plot, values, index, cycle);
          if (values) {
            wanted.set(place, { labels: values.filter(Boolean).map(String), needed });
          }
          return needed;
        },
      };
    }),
    fit(plot) {
      if (layouts >= MOST_LAYOUTS || rooms(plot).every(({ needed, room }) => Math.abs(needed - room) < 1)) {
        return;
      }
      layouts++;
      const { width, height } = plot;
      // Not within the drawing. uPlot lays out anew only for another size, so it gets one on the way.
      queueMicrotask(() => {
        plot.setSize({ width: width - 1, height });
        plot.setSize({ width, height });
      });
    },
  };
}
