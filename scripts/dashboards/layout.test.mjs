// `npm test`: what a reader sees of a panel at once: no gaps in the grid, lines of alerts in view, values in legends, whole counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { dashboards, panelsOf } from './files.mjs';

const every = Object.entries(dashboards).flatMap(([name, dashboard]) => panelsOf(name, dashboard));
const faults = (isFault) => every.filter(({ panel }) => isFault(panel)).map(({ place }) => place);

test('no line of the grid has a gap', () => {
  for (const [name, { panels }] of Object.entries(dashboards)) {
    const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
    for (let line = 0; line < height; line++) {
      const width = panels.filter(({ gridPos: { y, h } }) => y <= line && line < y + h).reduce((sum, { gridPos }) => sum + gridPos.w, 0);
      assert.equal(width, 24, `${name}, line ${line}`);
    }
  }
});

test('every threshold that is drawn is in view', () => {
  const isOutOfView = ({ type, fieldConfig }) => {
    const { custom, thresholds, max } = fieldConfig?.defaults ?? {};
    if (type !== 'timeseries' || (custom?.thresholdsStyle?.mode ?? 'off') === 'off') return false;
    return Math.max(...thresholds.steps.map(({ value }) => value ?? 0)) >= (max ?? custom.axisSoftMax ?? 0);
  };
  assert.deepEqual(faults(isOutOfView), []);
});

test('every legend of a graph has values', () => {
  assert.deepEqual(
    faults(({ type, options }) => type === 'timeseries' && (options.legend.displayMode !== 'table' || options.legend.calcs.length === 0)),
    [],
  );
});

test('a count of the time shown has no decimals', () => {
  const isFraction = ({ type, targets, fieldConfig }) =>
    type === 'stat' && targets[0].expr.includes('[$__range]') && fieldConfig.defaults.unit !== 'percentunit' && fieldConfig.defaults.decimals !== 0;
  assert.deepEqual(faults(isFraction), []);
});

// How many there are depends on how long a time is shown: from one on it is a fault, or it has no colour of its own.
test('no colour of a count depends on the range', () => {
  const isAbsolute = ({ type, targets, fieldConfig }) =>
    type === 'stat' &&
    targets[0].expr.includes('[$__range]') &&
    fieldConfig.defaults.unit !== 'percentunit' &&
    fieldConfig.defaults.thresholds.steps.some(({ value }) => value !== null && value > 1);
  assert.deepEqual(faults(isAbsolute), []);
});
