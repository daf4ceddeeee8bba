import '../app/browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isolatedPoints, spanShortGaps } from '../../src/panels/timeseries/model';
import { type StackInput, stackSeries, type Values } from '../../src/panels/timeseries/stacking';

function series(values: Values, more: Partial<StackInput> = {}): StackInput {
  return { values, mode: 'normal', group: 'A', scale: 'y', shape: 'line|linear', hidden: false, ...more };
}

describe('stacked series', () => {
  it('stand on each other', () => {
    const { drawn, bands } = stackSeries([series([1, 2]), series([10, 20]), series([100, 200])], 2);
    assert.deepEqual(drawn, [[1, 2], [11, 22], [111, 222]]);
    assert.deepEqual(bands, [{ upper: 2, lower: 1, direction: -1 }, { upper: 1, lower: 0, direction: -1 }]);
  });

  it('do not stack without the mode, in another group, on another scale or of another shape', () => {
    for (const more of [{ mode: 'none' }, { group: 'B' }, { scale: 'right' }, { shape: 'bars|0' }] as Partial<StackInput>[]) {
      assert.deepEqual(stackSeries([series([1]), series([10], more)], 1).drawn, [[1], [10]], JSON.stringify(more));
    }
  });

  it('grow downwards where the first value is negative', () => {
    const { drawn, bands } = stackSeries([series([1]), series([-2]), series([3]), series([-4])], 1);
    assert.deepEqual(drawn, [[1], [-2], [4], [-6]]);
    assert.deepEqual(bands.map(({ direction }) => direction), [-1, 1]);
  });

  it('take a missing value as nothing where others have one', () => {
    const { drawn } = stackSeries([series([1, null, null]), series([null, 5, null])], 3);
    assert.deepEqual(drawn, [[1, 0, null], [1, 5, null]]);
  });

  it('end together where there is a gap, though some have values on one side of it only', () => {
    const { drawn } = stackSeries([series([1, 2, null, undefined, 4]), series([undefined, undefined, undefined, 10, 20])], 5);
    assert.deepEqual(drawn, [[1, 2, null, 0, 4], [1, 2, null, 10, 24]]);
  });

  it('go on between their own samples where another ends', () => {
    const { drawn } = stackSeries([series([1, null, undefined]), series([10, undefined, 20])], 3);
    assert.deepEqual(drawn, [[1, null, 0], [11, undefined, 20]]);
  });

  it('leave out what is hidden', () => {
    assert.deepEqual(stackSeries([series([1], { hidden: true }), series([10])], 1).drawn, [[1], [10]]);
  });

  it('share a hundred percent', () => {
    const { drawn } = stackSeries([series([1, 0], { mode: 'percent' }), series([3, 0], { mode: 'percent' })], 2);
    assert.deepEqual(drawn, [[0.25, 0], [1, 0]]);
  });

  it('are turned over by negative-Y and flattened by constant', () => {
    assert.deepEqual(stackSeries([series([1, 2], { transform: 'negative-Y' }), series([3, 4], { transform: 'negative-Y' })], 2).drawn, [[-1, -2], [-4, -6]]);
    assert.deepEqual(stackSeries([series([null, 7, 8], { mode: 'none', transform: 'constant' })], 3).drawn, [[7, 7, 7]]);
  });
});

describe('gaps', () => {
  it('are bridged up to the limit', () => {
    assert.deepEqual(spanShortGaps([1, null, 2, null, null, 3], [0, 10, 20, 30, 40, 50], 20), [1, undefined, 2, null, null, 3]);
  });

  it('leave single points, which become dots', () => {
    assert.deepEqual(isolatedPoints([null, 1, null, 2, 3, null, 4]), [1, 6]);
    assert.deepEqual(isolatedPoints([1, undefined, 2]), []);
    assert.deepEqual(isolatedPoints([null, undefined, 1, undefined, null]), [2]);
  });
});
