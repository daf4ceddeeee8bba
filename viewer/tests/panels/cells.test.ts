import '../app/browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDataFrame, createTheme, type Field, FieldType } from '@grafana/data';
import { angleOf, END_ANGLE, START_ANGLE, thresholdBands } from '../../src/panels/gauge/arc';
import { heatmapGrid, isShown, valueRange, withoutEmptyEnds } from '../../src/panels/heatmap/cells';
import { heatmapPalette, paletteIndex, SCHEMES } from '../../src/panels/heatmap/colors';
import { pieSlices, slicePath } from '../../src/panels/piechart/slices';
import { percentText } from '../../src/panels/piechart';
import { barShare } from '../../src/panels/bargauge/layout';
import { barLayout } from '../../src/panels/barchart/layout';
import { arrangeItems } from '../../src/panels/shared/repeat';
import { sampleStep, segmentAt, stateSegments, statusCells } from '../../src/panels/state-timeline/segments';
import { sparklinePieces, withGaps } from '../../src/panels/stat/sparkline';

describe('gauge', () => {
  it('turns from one end to the other and no further', () => {
    assert.equal(angleOf(0, 0, 10), START_ANGLE);
    assert.equal(angleOf(10, 0, 10), END_ANGLE);
    assert.equal(angleOf(99, 0, 10), END_ANGLE);
    assert.ok(Math.abs(angleOf(5, 0, 10) - 1.5 * Math.PI) < 1e-9, 'the middle is at the top');
  });

  it('has a band for each threshold, absolute or in percent', () => {
    const steps = [{ color: 'green', value: -Infinity }, { color: 'red', value: 80 }];
    assert.deepEqual(thresholdBands({ mode: 'absolute', steps } as never, 0, 200), [{ from: 0, to: 80, color: 'green' }, { from: 80, to: 200, color: 'red' }]);
    assert.deepEqual(thresholdBands({ mode: 'percentage', steps } as never, 0, 200).map(({ to }) => to), [160, 200]);
    assert.deepEqual(thresholdBands({ mode: 'absolute', steps } as never, 0, 50), [{ from: 0, to: 50, color: 'green' }]);
  });

  it('fills bars within their limits', () => {
    assert.deepEqual([barShare(5, 0, 10), barShare(-1, 0, 10), barShare(11, 0, 10), barShare(Number.NaN, 0, 10)], [0.5, 0, 1, 0]);
  });
});

describe('heatmap', () => {
  const frame = createDataFrame({
    fields: [
      { name: 'Time', type: FieldType.time, values: [60_000, 120_000] },
      { name: '+Inf', type: FieldType.number, labels: { le: '+Inf' }, values: [0, 0] },
      { name: '10', type: FieldType.number, labels: { le: '10' }, values: [4, null] },
      { name: '2', type: FieldType.number, labels: { le: '2' }, values: [1, Number.NaN] },
      { name: '1', type: FieldType.number, labels: { le: '1' }, values: [0, 0] },
      { name: '0.5', type: FieldType.number, labels: { le: '0.5' }, values: [0, 0] },
    ],
  });

  it('orders buckets by their bounds', () => {
    const grid = heatmapGrid([frame], 60_000)!;
    assert.deepEqual(grid.rows.map(({ lower, upper }) => [lower, upper]), [[undefined, 0.5], [0.5, 1], [1, 2], [2, 10], [10, Infinity]]);
    assert.deepEqual(grid.rows.map(({ values }) => values), [[0, 0], [0, 0], [1, null], [4, null], [0, 0]]);
  });

  it('hides what the filter hides, and buckets beyond the used ones', () => {
    const grid = heatmapGrid([frame], 60_000)!;
    assert.ok(!isShown(0, { le: 1e-9 }) && isShown(1, { le: 1e-9 }) && !isShown(null, undefined) && !isShown(5, { ge: 5 }));
    assert.deepEqual(valueRange(grid, { le: 1e-9 }), { min: 1, max: 4 });
    assert.deepEqual(withoutEmptyEnds(grid, { le: 1e-9 }).rows.map(({ name }) => name), ['1', '2', '10', '+Inf']);
  });

  it('keeps rows whose names are no numbers in their order', () => {
    const named = createDataFrame({ fields: [{ name: 'Time', type: FieldType.time, values: [1] }, { name: 'slow', type: FieldType.number, values: [1] }, { name: 'fast', type: FieldType.number, values: [2] }] });
    assert.deepEqual(heatmapGrid([named], 1)!.rows.map(({ name, upper }) => [name, upper]), [['slow', undefined], ['fast', undefined]]);
  });

  it('joins frames of one series each over their instants', () => {
    const one = (le: string, times: number[]) => createDataFrame({ fields: [{ name: 'Time', type: FieldType.time, values: times }, { name: 'Value', type: FieldType.number, labels: { le }, values: times.map(() => 1) }] });
    const grid = heatmapGrid([one('2', [1, 2]), one('1', [2, 3])], 1)!;
    assert.deepEqual(grid.times, [1, 2, 3]);
    assert.deepEqual(grid.rows.map(({ name, values }) => [name, values]), [['1', [null, 1, 1]], ['2', [1, 1, null]]]);
  });

  it('has a colour for every scheme, reversed by the theme', () => {
    for (const scheme of SCHEMES) {
      assert.equal(heatmapPalette({ scheme, steps: 8 }, createTheme()).length, 8, scheme);
    }
    const dark = heatmapPalette({ scheme: 'Oranges', steps: 8 }, createTheme({ colors: { mode: 'dark' } }));
    const light = heatmapPalette({ scheme: 'Oranges', steps: 8 }, createTheme({ colors: { mode: 'light' } }));
    assert.deepEqual(dark, [...light].reverse());
    assert.deepEqual(heatmapPalette({ scheme: 'Oranges', steps: 8, reverse: true }, createTheme()), light);
  });

  it('spreads values over the palette', () => {
    assert.deepEqual([0, 24, 25, 100, 200].map((value) => paletteIndex(value, 0, 100, 4)), [0, 0, 1, 3, 3]);
    assert.equal(paletteIndex(7, 7, 7, 4), 3);
  });
});

describe('pie', () => {
  it('shares the circle', () => {
    const slices = pieSlices([1, 3, 0, -2], (value) => value);
    assert.deepEqual(slices.map(({ item, share }) => [item, share]), [[1, 0.25], [3, 0.75]]);
    assert.ok(Math.abs(slices[1]!.to - 2 * Math.PI) < 1e-9);
  });

  it('draws a whole circle in two pieces', () => {
    assert.equal(slicePath(0, 0, 0, 10, 0, 2 * Math.PI).match(/M/g)!.length, 2);
  });

  it('names shares as percents', () => {
    assert.deepEqual([percentText(0.4), percentText(0.005), percentText(0)], ['40%', '0.5%', '0%']);
  });
});

describe('state timeline', () => {
  const times = [0, 10, 20, 30, 40];
  const same = Object.is;

  it('merges what reads the same and ends at gaps', () => {
    const segments = stateSegments(times, [1, 1, 0, null, 1], 60, true, same);
    assert.deepEqual(segments.map(({ from, to, value }) => [from, to, value]), [[0, 20, 1], [20, 30, 0], [40, 60, 1]]);
  });

  it('keeps samples apart without merging', () => {
    assert.equal(stateSegments(times, [1, 1, 1, 1, 1], 60, false, same).length, 5);
  });

  it('bridges gaps as asked', () => {
    assert.deepEqual(stateSegments(times, [1, null, 1, null, null], 60, true, same, true).map(({ from, to }) => [from, to]), [[0, 30]]);
    assert.equal(stateSegments([0, 10, 100], [1, null, 1], 120, true, same, 50).length, 2);
  });

  it('finds the segment of an instant', () => {
    const segments = stateSegments(times, ['a', 'b', null, null, null], 60, true, same);
    assert.equal(segmentAt(segments, 12)?.value, 'b');
    assert.equal(segmentAt(segments, 25), undefined);
  });

  it('gives each sample of a status history its cell', () => {
    assert.deepEqual(statusCells(times, [1, null, 0, undefined, 1], 10).map(({ from, to }) => [from, to]), [[-5, 5], [15, 25], [35, 45]]);
    assert.equal(sampleStep([5, 20, 30], 1), 10);
    assert.equal(sampleStep([5], 7), 7);
  });
});

describe('several values in one panel', () => {
  it('share the area in the orientation asked for', () => {
    assert.deepEqual(arrangeItems(300, 100, 3, 'horizontal'), { columns: 1, rows: 3, itemWidth: 300, itemHeight: 28 });
    assert.equal(arrangeItems(300, 100, 3, 'vertical').columns, 3);
    assert.equal(arrangeItems(600, 100, 3, 'auto').columns, 3);
    assert.equal(arrangeItems(100, 600, 3, 'auto').columns, 1);
    assert.deepEqual([arrangeItems(600, 400, 6, 'auto')].map(({ columns, rows }) => [columns, rows]), [[2, 3]]);
  });
});

describe('sparkline', () => {
  it('has a gap where samples are missing for longer than their step', () => {
    const x: Field = { name: 'Time', type: FieldType.time, values: [0, 10, 40, 50], config: { interval: 10 } };
    const y: Field = { name: 'Value', type: FieldType.number, values: [1, 2, 3, 4], config: {} };
    const { times, values } = withGaps({ x, y });
    assert.equal(sparklinePieces(times, values, {}, 50, 20).length, 2);
    assert.deepEqual(values, [1, 2, null, null, 3, 4]);
  });

  it('breaks at gaps and fills its height', () => {
    const pieces = sparklinePieces([0, 1, 2, 3], [0, 10, null, 5], {}, 30, 20);
    assert.deepEqual(pieces, [[[0, 18], [10, 2]], [[30, 10]]]);
  });

  it('keeps a constant line in the middle', () => {
    assert.deepEqual(sparklinePieces([0, 1], [3, 3], {}, 10, 20), [[[0, 10], [10, 10]]]);
  });
});

describe('bar chart', () => {
  it('puts bars side by side or on each other', () => {
    const beside = barLayout({ series: [[2], [3]], stacking: 'none', groupWidth: 1, barWidth: 1 });
    assert.deepEqual(beside.map(({ start, size, from, to }) => [start, size, from, to]), [[0, 0.5, 0, 2], [0.5, 0.5, 0, 3]]);
    const stacked = barLayout({ series: [[2], [3]], stacking: 'normal', groupWidth: 1, barWidth: 1 });
    assert.deepEqual(stacked.map(({ start, size, from, to }) => [start, size, from, to]), [[0, 1, 0, 2], [0, 1, 2, 5]]);
  });
});
