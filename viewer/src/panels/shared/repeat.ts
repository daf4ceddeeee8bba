// Several values in one panel (stats, gauges): how they share its area.

export interface Arrangement {
  columns: number;
  rows: number;
  itemWidth: number;
  itemHeight: number;
}

export type Orientation = 'auto' | 'horizontal' | 'vertical';

export const SPACING = 8;

/**
 * Horizontal: one below the other, each as wide as the panel. Vertical: side by side. Auto: the grid in which an item of
 * `aspect` (width to height) is largest.
 */
export function arrangeItems(width: number, height: number, count: number, orientation: Orientation, aspect = 2): Arrangement {
  if (orientation !== 'auto' || count <= 1) {
    return arrangement(width, height, count, orientation === 'horizontal' ? 1 : Math.max(1, count));
  }
  let best = arrangement(width, height, count, 1);
  for (let columns = 2; columns <= count; columns++) {
    const candidate = arrangement(width, height, count, columns);
    if (itemSize(candidate, aspect) > itemSize(best, aspect)) {
      best = candidate;
    }
  }
  return best;
}

function arrangement(width: number, height: number, count: number, columns: number): Arrangement {
  const rows = Math.max(1, Math.ceil(count / columns));
  return {
    columns,
    rows,
    itemWidth: Math.max(1, (width - SPACING * (columns - 1)) / columns),
    itemHeight: Math.max(1, (height - SPACING * (rows - 1)) / rows),
  };
}

function itemSize({ itemWidth, itemHeight }: Arrangement, aspect: number): number {
  return Math.min(itemWidth / aspect, itemHeight);
}
