import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GridPos, Panel, Variable } from '../../src/dashboard';
import type { VariableState } from '../../src/data/contract';
import { layOut, phonePairs, pixelHeight, type LayoutItem } from '../../src/app/dashboard/layout';

function panel(id: number, x: number, y: number, w: number, h: number, more: Partial<Panel> = {}): Panel {
  return { id, type: 'timeseries', gridPos: { x, y, w, h }, fieldConfig: { defaults: {}, overrides: [] }, options: {}, ...more };
}

function variable(name: string, values: string[], chosen: string[]): VariableState {
  return { definition: { name, type: 'query' } as Variable, options: values.map((value) => ({ text: value.toUpperCase(), value })), chosen };
}

const none = new Map<string, boolean>();

function positions(items: LayoutItem[]): Record<string, [number, number, number, number]> {
  return Object.fromEntries(items.map(({ key, position: { x, y, w, h } }: { key: string; position: GridPos }) => [key, [x, y, w, h]]));
}

describe('the layout of rows', () => {
  const panels = [
    panel(1, 0, 0, 24, 1, { type: 'row' }), panel(2, 0, 1, 12, 8), panel(3, 12, 1, 12, 8),
    panel(4, 0, 9, 24, 1, { type: 'row' }), panel(5, 0, 10, 24, 6),
  ];

  it('stands as the dashboard says when all are open', () => {
    const layout = layOut(panels, [], none);
    assert.deepEqual(positions(layout.items), {
      'panel-1': [0, 0, 24, 1], 'panel-2': [0, 1, 12, 8], 'panel-3': [12, 1, 12, 8], 'panel-4': [0, 9, 24, 1], 'panel-5': [0, 10, 24, 6],
    });
    assert.equal(layout.height, 16);
    assert.deepEqual(layout.items[0]?.row, { collapsed: false, panels: 2 });
  });

  it('moves up what is below a row that is closed', () => {
    const layout = layOut(panels, [], new Map([['panel-1', true]]));
    assert.deepEqual(positions(layout.items), { 'panel-1': [0, 0, 24, 1], 'panel-4': [0, 1, 24, 1], 'panel-5': [0, 2, 24, 6] });
  });

  it('opens a row that the dashboard keeps closed', () => {
    // The positions inside are those from before it was closed.
    const inside = [panel(11, 0, 40, 12, 8), panel(12, 12, 40, 12, 8)];
    const closed = [panel(10, 0, 0, 24, 1, { type: 'row', collapsed: true, panels: inside }), panel(20, 0, 1, 24, 1, { type: 'row' }), panel(21, 0, 2, 6, 4)];
    assert.deepEqual(positions(layOut(closed, [], none).items), { 'panel-10': [0, 0, 24, 1], 'panel-20': [0, 1, 24, 1], 'panel-21': [0, 2, 6, 4] });
    assert.deepEqual(positions(layOut(closed, [], new Map([['panel-10', false]])).items), {
      'panel-10': [0, 0, 24, 1], 'panel-11': [0, 1, 12, 8], 'panel-12': [12, 1, 12, 8], 'panel-20': [0, 9, 24, 1], 'panel-21': [0, 10, 6, 4],
    });
  });

  it('repeats a row and its panels for each value', () => {
    const repeated = [panel(1, 0, 0, 24, 1, { type: 'row', repeat: 'job' }), panel(2, 0, 1, 12, 4), panel(3, 0, 5, 24, 1, { type: 'row' })];
    const layout = layOut(repeated, [variable('job', ['a', 'b'], ['a', 'b'])], none);
    assert.deepEqual(positions(layout.items), {
      'panel-1': [0, 0, 24, 1], 'panel-2': [0, 1, 12, 4], 'panel-1-row-1': [0, 5, 24, 1], 'panel-2-row-1': [0, 6, 12, 4], 'panel-3': [0, 10, 24, 1],
    });
    assert.deepEqual(layout.items.map((item) => item.scoped?.job?.value), ['a', 'a', 'b', 'b', undefined]);
    assert.equal(layout.items[2]?.scoped?.job?.text, 'B');
  });

  it('closes the copies of a row one by one', () => {
    const repeated = [panel(1, 0, 0, 24, 1, { type: 'row', repeat: 'job' }), panel(2, 0, 1, 12, 4)];
    const layout = layOut(repeated, [variable('job', ['a', 'b'], ['$__all'])], new Map([['panel-1-row-1', true]]));
    assert.deepEqual(layout.items.map((item) => item.key), ['panel-1', 'panel-2', 'panel-1-row-1']);
  });
});

describe('the layout of repeated panels', () => {
  it('shares a line among as many as there are', () => {
    const layout = layOut([panel(1, 0, 0, 6, 5, { repeat: 'job' })], [variable('job', ['a', 'b', 'c'], ['$__all'])], none);
    assert.deepEqual(positions(layout.items), { 'panel-1': [0, 0, 8, 5], 'panel-1-clone-1': [8, 0, 8, 5], 'panel-1-clone-2': [16, 0, 8, 5] });
    assert.deepEqual(layout.items.map((item) => item.scoped?.job?.value), ['a', 'b', 'c']);
  });

  it('wraps after maxPerRow and pushes down what is below', () => {
    const layout = layOut(
      [panel(1, 0, 0, 24, 5, { repeat: 'job', maxPerRow: 2 }), panel(2, 0, 5, 24, 3)],
      [variable('job', ['a', 'b', 'c'], ['a', 'b', 'c'])],
      none,
    );
    assert.deepEqual(positions(layout.items), {
      'panel-1': [0, 0, 12, 5], 'panel-1-clone-1': [12, 0, 12, 5], 'panel-1-clone-2': [0, 5, 12, 5], 'panel-2': [0, 10, 24, 3],
    });
  });

  it('goes downwards where it is asked to, beside its neighbour', () => {
    const layout = layOut(
      [panel(1, 0, 0, 12, 4, { repeat: 'job', repeatDirection: 'v' }), panel(2, 12, 0, 12, 4), panel(3, 0, 4, 24, 2)],
      [variable('job', ['a', 'b'], ['a', 'b'])],
      none,
    );
    assert.deepEqual(positions(layout.items), {
      'panel-1': [0, 0, 12, 4], 'panel-1-clone-1': [0, 4, 12, 4], 'panel-2': [12, 0, 12, 4], 'panel-3': [0, 8, 24, 2],
    });
  });

  it('draws once where the variable is unknown or has no value', () => {
    const panels = [panel(1, 2, 0, 6, 5, { repeat: 'job' })];
    for (const variables of [[], [variable('job', [], ['$__all'])], [variable('job', [], [])]]) {
      assert.deepEqual(positions(layOut(panels, variables, none).items), { 'panel-1': [2, 0, 6, 5] });
    }
  });

  it('leaves out All itself, and repeats a value that is not in the list', () => {
    const state = variable('job', ['$__all', 'a'], ['$__all']);
    assert.deepEqual(layOut([panel(1, 0, 0, 6, 5, { repeat: 'job' })], [state], none).items.map((item) => item.scoped?.job?.value), ['a']);
    const custom = layOut([panel(1, 0, 0, 6, 5, { repeat: 'job' })], [variable('job', ['a'], ['other'])], none);
    assert.deepEqual(custom.items[0]?.scoped?.job, { text: 'other', value: 'other' });
  });
});

describe('the grid', () => {
  it('closes gaps upwards, as Grafana does', () => {
    assert.deepEqual(positions(layOut([panel(1, 0, 3, 12, 4), panel(2, 12, 9, 12, 4), panel(3, 0, 20, 24, 2)], [], none).items), {
      'panel-1': [0, 0, 12, 4], 'panel-2': [12, 0, 12, 4], 'panel-3': [0, 4, 24, 2],
    });
  });

  it('orders panels by where they stand', () => {
    assert.deepEqual(layOut([panel(3, 12, 4, 12, 4), panel(2, 0, 4, 12, 4), panel(1, 0, 0, 24, 4)], [], none).items.map((item) => item.panel.id), [1, 2, 3]);
  });

  it('has rows of 30 pixels and gaps of 8', () => {
    assert.equal(pixelHeight(8), 296);
    assert.equal(pixelHeight(1), 30);
    assert.equal(pixelHeight(0), 0);
  });
});

describe('phones', () => {
  it('show small panels in pairs, and one that is left alone in its own line', () => {
    const stat = (id: number, x: number, y: number, w = 4): Panel => panel(id, x, y, w, 4, { type: 'stat' });
    const { items } = layOut([stat(1, 0, 0), stat(2, 4, 0), stat(3, 8, 0), panel(4, 0, 4, 12, 8), stat(5, 12, 4, 12), panel(6, 0, 12, 6, 4, { type: 'gauge' }), stat(7, 6, 12, 6)], [], none);
    assert.deepEqual([...phonePairs(items)], ['panel-1', 'panel-2', 'panel-6', 'panel-7']);
  });
});
