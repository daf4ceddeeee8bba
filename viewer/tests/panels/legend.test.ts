import '../app/browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTheme, type Field, FieldType, getDisplayProcessor } from '@grafana/data';
import { legendCalcs, sortLegend } from '../../src/panels/legend/calcs';
import { bottomLegendHeight, wholeRows } from '../../src/panels/legend/placement';
import { hiddenAfterClick } from '../../src/panels/legend/visibility';

const theme = createTheme();

function field(values: unknown[], unit: string): Field {
  const result: Field = { name: 'v', type: FieldType.number, values, config: { unit } };
  result.display = getDisplayProcessor({ field: result, theme });
  return result;
}

describe('legend calculations', () => {
  it('are formatted in the unit of the series, named as Grafana names them', () => {
    const calcs = legendCalcs(field([1, 2, 3], 'reqps'), [1, null, 3], ['lastNotNull', 'max', 'mean'], theme, 'utc');
    assert.deepEqual(calcs.map(({ name, text }) => [name, text]), [['Last *', '3 req/s'], ['Max', '3 req/s'], ['Mean', '2 req/s']]);
  });

  it('count without a unit, with or without what is missing', () => {
    const [count, all] = legendCalcs(field([], 's'), [1, null, 3], ['count', 'countAll'], theme, 'utc');
    assert.deepEqual([count!.text, all!.text], ['2', '3']);
  });

  it('give a difference in percent as percent', () => {
    const [change] = legendCalcs(field([], 's'), [1, 1.5], ['diffperc'], theme, 'utc');
    assert.equal(change!.text, '50%');
  });

  it('sort by a column, without numbers last', () => {
    const entry = (name: string, numeric: number) => ({ name, calcs: [{ id: 'max', name: 'Max', numeric, text: '' }] });
    const entries = [entry('b10', 1), entry('b9', Number.NaN), entry('a', 5)];
    const names = (sortBy: string | undefined, descending: boolean) => sortLegend(entries, sortBy, descending).map(({ name }) => name);
    assert.deepEqual(names('Max', true), ['a', 'b10', 'b9']);
    assert.deepEqual(names('Max', false), ['b10', 'a', 'b9']);
    assert.deepEqual(names('Name', false), ['a', 'b9', 'b10']);
    assert.deepEqual(names(undefined, true), ['b10', 'b9', 'a']);
  });
});

describe('a click in the legend', () => {
  const names = ['a', 'b', 'c'];

  it('isolates a series, and the next one brings all back', () => {
    const isolated = hiddenAfterClick(names, new Set(), 'b', false);
    assert.deepEqual([...isolated], ['a', 'c']);
    assert.deepEqual([...hiddenAfterClick(names, isolated, 'b', false)], []);
    assert.deepEqual([...hiddenAfterClick(names, isolated, 'a', false)], ['b', 'c']);
  });

  it('with Ctrl hides or shows one', () => {
    assert.deepEqual([...hiddenAfterClick(names, new Set(), 'b', true)], ['b']);
    assert.deepEqual([...hiddenAfterClick(names, new Set(['b', 'c']), 'b', true)], ['c']);
  });
});

describe('the height of a legend', () => {
  const ends = Array.from({ length: 20 }, (_, row) => 24 + 24 * (row + 1));

  it('ends at a whole row', () => {
    for (const height of [150, 240, 300, 411, 900]) {
      assert.ok(ends.includes(bottomLegendHeight(ends, height)), `${height}`);
      assert.ok(ends.includes(wholeRows(ends, height)), `${height}`);
    }
  });

  it('is all of the panel at the right, and two fifths below', () => {
    assert.equal(wholeRows(ends, 250), 240);
    assert.equal(bottomLegendHeight(ends, 900), 360);
    assert.equal(bottomLegendHeight(ends, 250), 96);
  });

  it('is three rows in a low panel where they take less than half, and one at least', () => {
    assert.equal(bottomLegendHeight(ends, 220), 96);
    assert.equal(bottomLegendHeight(ends, 60), 48);
  });

  it('is what the rows need where they fit', () => {
    assert.equal(bottomLegendHeight([48, 72], 300), 72);
    assert.equal(bottomLegendHeight([22, 22, 22, 44], 300), 44);
    assert.equal(bottomLegendHeight([], 300), 0);
  });
});
