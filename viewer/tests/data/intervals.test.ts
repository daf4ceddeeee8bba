// Steps and rate intervals. Cases: Grafana documentation, "Prometheus template variables" (Use $__rate_interval), "Prometheus query editor"
// (Min step), and what Grafana 11 sent at a panel of 760 pixels.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { alignToStep, computeIntervals, formatInterval, invalidIntervals, type StepInput } from '../../src/data/intervals';

const hours = (count: number): StepInput['span'] => ({ from: 0, to: count * 3_600_000 });
const secondsOf = (input: Partial<StepInput> & Pick<StepInput, 'span'>): [number, number] => {
  const { step, rate } = computeIntervals({ maxDataPoints: 760, scrapeInterval: '15s', maxPoints: 11_000, ...input });
  return [step / 1000, rate / 1000];
};

describe('intervals', () => {
  const seen: [string, number, number, number][] = [
    ['30m', 0.5, 15, 60],
    ['6h', 6, 30, 60],
    ['24h', 24, 120, 135],
    ['7d', 168, 900, 915],
  ];
  for (const [name, length, step, rate] of seen) {
    test(`${name} at 760 pixels is ${step} s and ${rate} s, as Grafana sends`, () => {
      assert.deepEqual(secondsOf({ span: hours(length) }), [step, rate]);
    });
  }

  test('the rate interval is max(interval + scrape, 4 * scrape)', () => {
    // "Use $__rate_interval": with a scrape interval of 15 s it is never below a minute.
    assert.deepEqual(secondsOf({ span: hours(0.1) }), [15, 60]);
    assert.deepEqual(secondsOf({ span: hours(0.1), scrapeInterval: '1m' }), [60, 240]);
  });

  test('a min step stands for the scrape interval', () => {
    assert.deepEqual(secondsOf({ span: hours(0.5), minStep: '1m' }), [60, 240]);
    assert.deepEqual(secondsOf({ span: hours(24), minStep: '1m' }), [120, 240]);
  });

  test('a min step may be shorter than the scrape interval', () => {
    // Five minutes over 760 pixels are 0.4 s each; the rate interval still knows the panel's 15 s.
    assert.deepEqual(secondsOf({ span: { from: 0, to: 300_000 }, minStep: '1s' }), [1, 16]);
  });

  test('a min step of $__rate_interval is the rate interval', () => {
    assert.deepEqual(secondsOf({ span: hours(0.5), minStep: '$__rate_interval' }), [60, 60]);
    assert.deepEqual(secondsOf({ span: hours(24), minStep: '${__rate_interval}' }), [135, 135]);
  });

  test('a min step of $__interval changes nothing', () => {
    assert.deepEqual(secondsOf({ span: hours(6), minStep: '$__interval' }), [30, 60]);
  });

  test("the panel's min interval raises the step but not the scrape interval", () => {
    assert.deepEqual(secondsOf({ span: hours(0.5), panelInterval: '1m' }), [60, 75]);
  });

  test('no more points than are let through are asked for', () => {
    for (const maxPoints of [10, 100, 500, 11_000]) {
      for (const length of [0.01, 1, 6, 25, 24 * 30, 24 * 3650]) {
        const span = { from: 7_654_321, to: 7_654_321 + length * 3_600_000 };
        const { step } = computeIntervals({ span, maxDataPoints: 1_000_000, scrapeInterval: '15s', minStep: '1s', maxPoints });
        const { from, to } = alignToStep(span, step);
        assert.ok((to - from) / step <= maxPoints, `${length} h in ${(to - from) / step} steps, ${maxPoints} may be`);
      }
    }
  });

  test('a bound on the points raises the step no further than it must', () => {
    assert.deepEqual(secondsOf({ span: hours(6), maxDataPoints: 10_000, maxPoints: 500 }), [44, 60]);
    assert.deepEqual(secondsOf({ span: hours(6), maxPoints: 11_000 }), secondsOf({ span: hours(6), maxPoints: 1000 }));
  });

  test('the factor of older queries multiplies the step', () => {
    assert.equal(secondsOf({ span: hours(6), factor: 2 })[0], 60);
  });

  test('texts that are no interval are named', () => {
    assert.deepEqual(invalidIntervals({ panelInterval: 'soon', minStep: '10x' }), ['min interval "soon"', 'min step "10x"']);
    assert.deepEqual(invalidIntervals({ panelInterval: '10s', minStep: '$__rate_interval' }), []);
  });

  test('start and end are floored to the step', () => {
    assert.deepEqual(alignToStep({ from: 61_234, to: 134_999 }, 15_000), { from: 60_000, to: 120_000 });
  });

  test('steps of a day start at midnight of the time zone', () => {
    const day = 86_400_000;
    assert.deepEqual(alignToStep({ from: day * 3 + 1, to: day * 5 }, day, 120), { from: day * 3 - 7_200_000, to: day * 5 - 7_200_000 });
  });

  test('intervals are written in their largest whole unit', () => {
    assert.deepEqual([500, 15_000, 90_000, 120_000, 3_600_000, 86_400_000].map(formatInterval), ['500ms', '15s', '90s', '2m', '1h', '1d']);
  });
});
