import '../app/browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTheme, systemDateFormats } from '@grafana/data';
import type uPlot from 'uplot';
import { timeLabel, yAxis } from '../../src/panels/graph/axes';
import { fitAxes } from '../../src/panels/graph/axis-fit';
import { axisLimits } from '../../src/panels/graph/scales';
import { binarySteps, durationSteps } from '../../src/panels/graph/steps';
import { axisTicks } from '../../src/panels/barchart/layout';

describe('axis limits', () => {
  it('pad the data and keep zero in view', () => {
    const [low, high] = axisLimits({}, 0.5, 10);
    assert.equal(low, 0);
    assert.ok(high! > 10 && high! <= 11, `${high}`);
    const [min, max] = axisLimits({}, 1000, 1010);
    assert.ok(min! > 990 && min! <= 1000 && max! >= 1010 && max! < 1020, `${min} to ${max}`);
  });

  it('stand at hard limits whatever the data', () => {
    assert.deepEqual(axisLimits({ min: 0, max: 1 }, -5, 7), [0, 1]);
    assert.equal(axisLimits({ max: 50 }, 0, 200)[1], 50);
  });

  it('give way to data beyond soft limits only', () => {
    assert.deepEqual(axisLimits({ softMin: 0, softMax: 100 }, 20, 30), [0, 100]);
    const [min, max] = axisLimits({ softMin: 0, softMax: 100 }, 20, 300);
    assert.equal(min, 0);
    assert.ok(max! >= 300);
  });

  it('are whole numbers without decimals', () => {
    assert.deepEqual(axisLimits({ decimals: 0, min: 0 }, 0, 1).map((limit) => Number.isInteger(limit)), [true, true]);
  });

  it('lie around zero when asked', () => {
    const [min, max] = axisLimits({ centeredZero: true }, -2, 10);
    assert.equal(min, -max!);
  });

  it('are powers of the base on a logarithmic scale, which knows no zero', () => {
    assert.deepEqual(axisLimits({ distribution: { type: 'log', log: 10 }, min: 0 }, 0.02, 30), [0.01, 100]);
    assert.deepEqual(axisLimits({ distribution: { type: 'log', log: 2 }, min: 3 }, 5, 30), [2, 32]);
  });

  it('are never empty', () => {
    assert.deepEqual(axisLimits({ min: 5, max: 5 }, 5, 5), [0, 100]);
    assert.deepEqual(axisLimits({ min: 0 }, 0, 0), [0, 100]);
  });

  it('stay open without data', () => {
    assert.deepEqual(axisLimits({ min: 0 }, null, null), [null, null]);
  });
});

/** What an axis of a plot `width` pixels wide writes at its ticks. */
function labels(axis: uPlot.Axis, width: number, ticks: number[], step: number): string[] {
  const values = axis.values as unknown as (plot: object, splits: number[], axis: number, space: number, step: number) => string[];
  return values({ width, axes: [{ side: 2 }, axis] }, ticks, 0, 0, step);
}

describe('the room of an axis', () => {
  /** A plot that was laid out with 30 pixels at its left. */
  function drawnPlot(width: number) {
    const sizes: number[] = [];
    return { width, height: 100, bbox: { left: 30, width: width - 30 }, sizes, setSize: (size: { width: number }) => sizes.push(size.width) };
  }

  async function layouts(needed: number) {
    const fit = fitAxes([{ side: 3, size: () => needed }]);
    const plot = drawnPlot(300);
    (fit.axes[0]!.size as (...input: unknown[]) => number)(plot, ['12.5%'], 0, 3);
    for (let draw = 0; draw < 5; draw++) {
      fit.fit(plot as never);
      await Promise.resolve();
    }
    return { sizes: plot.sizes, rooms: fit.rooms(plot as never) };
  }

  it('is laid out again where the drawn labels need another one, and not for ever', async () => {
    const { sizes, rooms } = await layouts(40);
    assert.deepEqual(rooms, [{ labels: ['12.5%'], needed: 40, room: 30 }]);
    assert.deepEqual(sizes, [299, 300, 299, 300]);
  });

  it('stays where the labels fit', async () => {
    assert.deepEqual((await layouts(30)).sizes, []);
  });
});

describe('axis labels', () => {
  it('are as long as they are while a plot remains, and shortened where none would', () => {
    const axis = yAxis({ scale: 'y', theme: createTheme(), side: 'left', showGrid: true, format: (value) => `${value} requests a minute` });
    assert.deepEqual(labels(axis, 260, [12], 1), ['12 requests a minute']);
    const [short] = labels(axis, 150, [12], 1);
    assert.match(short!, /^12 req.*…$/);
  });

  it('have decimals only where the step has some', () => {
    const axis = yAxis({ scale: 'y', theme: createTheme(), side: 'left', showGrid: true, format: (value, decimals) => `${value}/${decimals}` });
    assert.deepEqual(labels(axis, 400, [0, 2], 2), ['0/undefined', '2/undefined']);
    assert.deepEqual(labels(axis, 400, [0, 0.25], 0.25), ['0/2', '0.25/2']);
  });

  it('step as clocks count for durations, by short decimals of the unit that they are written in', () => {
    const nextStep = (unit: string, max: number, least: number) => durationSteps(unit, max).find((step) => step >= least);
    assert.equal(nextStep('s', 0.03, 0.004), 0.005);
    assert.equal(nextStep('s', 50, 8), 10);
    assert.equal(nextStep('s', 90, 8), 15);
    assert.equal(nextStep('s', 800, 130), 300);
    assert.equal(nextStep('s', 5000, 500), 900);
    assert.equal(nextStep('s', 90_000, 13_000), 21_600);
    assert.equal(nextStep('ms', 90_000, 8_000), 15_000);
    assert.equal(nextStep('m', 120, 7), 15);
    for (const unit of ['ns', 'µs', 'ms', 's', 'm', 'h', 'd']) {
      for (const max of [1, 100, 5_000, 1e5, 1e6, 1e8]) {
        const steps = durationSteps(unit, max);
        assert.deepEqual(steps, [...new Set(steps)].sort((a, b) => a - b), `${unit} to ${max}`);
      }
    }
  });

  it('step by powers of two for bytes', () => {
    assert.ok(binarySteps().includes(1024) && binarySteps().includes(2 ** 30));
  });

  it('show as much of the time as the step needs', () => {
    const time = Date.UTC(2024, 4, 15, 9, 5, 7, 120);
    assert.equal(timeLabel(time, 100, 1000, 'utc'), '09:05:07.120');
    assert.equal(timeLabel(time, 5_000, 60_000, 'utc'), '09:05:07');
    assert.equal(timeLabel(time, 300_000, 3_600_000, 'utc'), '09:05');
    assert.equal(timeLabel(time, 6 * 3_600_000, 3 * 86_400_000, 'utc'), '05/15 09:05');
    assert.equal(timeLabel(time, 3 * 86_400_000, 30 * 86_400_000, 'utc'), '05/15');
    assert.equal(timeLabel(time, 30 * 86_400_000, 800 * 86_400_000, 'utc'), '2024-05');
    assert.ok(systemDateFormats.interval.minute);
  });

  it('stand at round numbers in bar charts', () => {
    assert.deepEqual(axisTicks(0, 1, 200, 30), [0, 0.2, 0.4, 0.6, 0.8, 1]);
    assert.deepEqual(axisTicks(0, 110, 100, 30), [0, 50, 100]);
  });
});
