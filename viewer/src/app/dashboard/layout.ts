// Where rows and panels stand: Grafana's grid of 24 columns, with rows collapsed and panels and rows repeated.
import type { GridPos, Panel } from '../../dashboard';
import type { ScopedVariables, VariableState } from '../../data/contract';

export const gridColumns = 24;
/** Pixels of one grid row and of the gap below it. */
export const gridRowHeight = 30;
export const gridGap = 8;
/** Grafana's default of `maxPerRow`. */
const defaultMaxPerRow = 4;

export interface LayoutItem {
  /** `panel-7`, `panel-7-clone-1`, and with `-row-1` at its end in a repeated row. Stable over reloads. */
  key: string;
  panel: Panel;
  position: GridPos;
  scoped?: ScopedVariables | undefined;
  /** For a row: whether its panels are hidden, and how many it has. */
  row?: { collapsed: boolean; panels: number };
}

export interface Layout {
  items: LayoutItem[];
  /** In grid rows. */
  height: number;
}

interface Section {
  row?: Panel;
  panels: Panel[];
}

/** `collapsed` tells of the rows that the user opened or closed; others are as the dashboard says. */
export function layOut(panels: Panel[], variables: VariableState[], collapsed: ReadonlyMap<string, boolean>): Layout {
  const items: LayoutItem[] = [];
  let y = 0;
  for (const section of splitSections(panels)) {
    const { row } = section;
    const copies = row ? repeatValues(row, variables) : [undefined];
    copies.forEach((copy, index) => {
      const suffix = index === 0 ? '' : `-row-${index}`;
      const scoped = copy && row?.repeat ? { [row.repeat]: copy } : undefined;
      let open = true;
      if (row) {
        const key = `panel-${row.id}${suffix}`;
        open = !(collapsed.get(key) ?? row.collapsed ?? false);
        const position = { x: 0, y, w: gridColumns, h: 1 };
        items.push({ key, panel: row, position, scoped, row: { collapsed: !open, panels: section.panels.length } });
        y += 1;
      }
      if (!open) return;
      const placed = compact(repeatPanels(section.panels, variables, scoped, suffix));
      for (const item of placed) items.push({ ...item, position: { ...item.position, y: item.position.y + y } });
      y += bottom(placed);
    });
  }
  return { items, height: y };
}

/** A row owns what it holds (collapsed) or what stands below it up to the next row. */
function splitSections(panels: Panel[]): Section[] {
  const sorted = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const sections: Section[] = [{ panels: [] }];
  for (const panel of sorted) {
    if (panel.type === 'row') sections.push({ row: panel, panels: [...(panel.panels ?? [])] });
    else sections[sections.length - 1]?.panels.push(panel);
  }
  return sections.filter((section) => section.row ?? section.panels.length > 0);
}

type Copy = ScopedVariables[string] | undefined;

/** One value for each copy; one undefined copy where nothing is repeated or the variable is unknown. */
function repeatValues(panel: Panel, variables: VariableState[]): Copy[] {
  const variable = panel.repeat ? variables.find((state) => state.definition.name === panel.repeat) : undefined;
  if (!variable) return [undefined];
  const options = variable.options.filter((option) => option.value !== '$__all');
  const all = variable.chosen.includes('$__all');
  const chosen = all
    ? options
    : variable.chosen.map((value) => options.find((option) => option.value === value) ?? { text: value, value });
  return chosen.length > 0 ? chosen.map(({ text, value }) => ({ text, value })) : [undefined];
}

function repeatPanels(panels: Panel[], variables: VariableState[], outer: ScopedVariables | undefined, suffix: string): LayoutItem[] {
  const items: LayoutItem[] = [];
  // How far panels further down were pushed by the copies above them.
  const pushes: { fromY: number; by: number }[] = [];
  const sorted = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  for (const panel of sorted) {
    const pushed = pushes.filter((push) => panel.gridPos.y >= push.fromY).reduce((sum, push) => sum + push.by, 0);
    const start = { ...panel.gridPos, y: panel.gridPos.y + pushed };
    const copies = panel.repeat && !outer?.[panel.repeat] ? repeatValues(panel, variables) : [undefined];
    const positions = copyPositions(panel, start, copies);
    copies.forEach((copy, index) => {
      const own = copy && panel.repeat ? { [panel.repeat]: copy } : undefined;
      items.push({
        key: `panel-${panel.id}${index === 0 ? '' : `-clone-${index}`}${suffix}`,
        panel,
        position: positions[index] ?? start,
        scoped: outer || own ? { ...outer, ...own } : undefined,
      });
    });
    const lastY = positions[positions.length - 1]?.y ?? start.y;
    if (lastY > start.y) pushes.push({ fromY: panel.gridPos.y + panel.gridPos.h, by: lastY - start.y });
  }
  return items;
}

/** Copies run to the right, at most `maxPerRow` in a line and as wide as they then can be, or downwards. */
function copyPositions(panel: Panel, start: GridPos, copies: Copy[]): GridPos[] {
  if (!panel.repeat || copies[0] === undefined) return [start];
  if (panel.repeatDirection === 'v') return copies.map((_, index) => ({ ...start, y: start.y + index * start.h }));
  const perLine = Math.min(copies.length, panel.maxPerRow ?? defaultMaxPerRow);
  const w = gridColumns / perLine;
  return copies.map((_, index) => ({
    x: (index % perLine) * w,
    y: start.y + Math.floor(index / perLine) * start.h,
    w,
    h: start.h,
  }));
}

/** Moves every panel as far up as it goes, as Grafana's grid does. */
function compact(items: LayoutItem[]): LayoutItem[] {
  const sorted = [...items].sort((a, b) => a.position.y - b.position.y || a.position.x - b.position.x);
  const placed: LayoutItem[] = [];
  for (const item of sorted) {
    let y = 0;
    for (const other of placed) {
      if (overlapsColumns(item.position, other.position)) y = Math.max(y, other.position.y + other.position.h);
    }
    placed.push({ ...item, position: { ...item.position, y } });
  }
  return placed;
}

function overlapsColumns(a: GridPos, b: GridPos): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w;
}

function bottom(items: LayoutItem[]): number {
  return items.reduce((lowest, item) => Math.max(lowest, item.position.y + item.position.h), 0);
}

/** The panels that phones show two in a line: small ones with a small neighbour. */
export function phonePairs(items: LayoutItem[]): Set<string> {
  const pairs = new Set<string>();
  for (let index = 0; index + 1 < items.length; index += 1) {
    const [first, second] = [items[index], items[index + 1]];
    if (!first || !second || !isSmall(first) || !isSmall(second)) continue;
    pairs.add(first.key).add(second.key);
    index += 1;
  }
  return pairs;
}

/** One number, or a gauge, on at most a quarter of the width. */
function isSmall({ panel, position, row }: LayoutItem): boolean {
  return !row && ['stat', 'gauge'].includes(panel.type) && position.w <= gridColumns / 4;
}

/** Pixels of CSS, without the gap. */
export function pixelHeight(rows: number): number {
  return Math.max(0, rows * (gridRowHeight + gridGap) - gridGap);
}
