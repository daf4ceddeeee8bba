import './browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  describeRange, inputText, intervalMilliseconds, readRangeInputs, readTimeInput, shiftSpan, toTimeRange, zoomInSpan, zoomOutSpan,
} from '../../src/app/dashboard/time';

const read = (text: string, roundUp = false, zone = 'utc') => readTimeInput(text, roundUp, zone);

describe('times that a person types', () => {
  for (const text of ['now', 'now-1h', 'now-7d', 'now/d', 'now-1d/d', 'now+5m']) {
    it(`takes ${text} as it is`, () => assert.deepEqual(read(text), { value: text }));
  }

  it('takes dates with and without a time of day', () => {
    assert.deepEqual(read('2026-01-31 18:05'), { value: '2026-01-31T18:05:00.000Z' });
    assert.deepEqual(read('2026-01-31 18:05:09'), { value: '2026-01-31T18:05:09.000Z' });
    assert.deepEqual(read('2026-01-31T18:05:09.250Z'), { value: '2026-01-31T18:05:09.250Z' });
    assert.deepEqual(read('2026-01-31'), { value: '2026-01-31T00:00:00.000Z' });
    assert.deepEqual(read('2026-01-31', true), { value: '2026-01-31T23:59:59.999Z' });
  });

  it('takes seconds and milliseconds of Unix time', () => {
    assert.deepEqual(read('1700000000'), { value: '2023-11-14T22:13:20.000Z' });
    assert.deepEqual(read('1700000000123'), { value: '2023-11-14T22:13:20.123Z' });
  });

  it('takes a time of today', () => {
    const answer = read('8:30');
    assert.ok('value' in answer);
    assert.equal(answer.value, `${new Date().toISOString().slice(0, 10)}T08:30:00.000Z`);
  });

  for (const text of ['', 'yesterday', 'now-', 'now-1x', 'nowhere', '2026-13-40', '2026-02-30', '2026-01-31 25:00', '12']) {
    it(`refuses “${text}”`, () => assert.ok('error' in read(text)));
  }

  it('refuses an end before the start, naming the end', () => {
    assert.deepEqual(readRangeInputs('now-1h', 'now', 'utc'), { range: { from: 'now-1h', to: 'now' } });
    assert.ok('toError' in readRangeInputs('now', 'now-1h', 'utc'));
    const both = readRangeInputs('x', 'y', 'utc');
    assert.ok('fromError' in both && both.fromError && both.toError);
  });
});

describe('ranges', () => {
  it('are described as Grafana does', () => {
    assert.equal(describeRange({ from: 'now-30m', to: 'now' }, 'utc'), 'Last 30 minutes');
    assert.equal(describeRange({ from: 'now-45m', to: 'now' }, 'utc'), 'Last 45 minutes');
    assert.match(describeRange({ from: '2026-01-31T18:00:00.000Z', to: '2026-01-31T19:00:00.000Z' }, 'utc'), /2026-01-31 18:00:00 to 2026-01-31 19:00:00/);
  });

  it('round up at their end only', () => {
    const range = toTimeRange({ from: 'now/d', to: 'now/d' }, 'utc');
    assert.equal(range.to.valueOf() - range.from.valueOf(), 86_400_000 - 1);
  });

  it('read ISO times and milliseconds from the URL', () => {
    const range = toTimeRange({ from: '1700000000000', to: '2023-11-14T23:13:20.000Z' }, 'utc');
    assert.deepEqual([range.from.valueOf(), range.to.valueOf()], [1_700_000_000_000, 1_700_003_600_000]);
  });

  it('stand in the inputs in the chosen time zone', () => {
    assert.equal(inputText('2026-01-31T18:00:00.000Z', 'utc'), '2026-01-31 18:00:00');
    assert.equal(inputText('2026-01-31T18:00:00.000Z', 'Asia/Tokyo'), '2026-02-01 03:00:00');
    assert.equal(inputText('now-1h', 'utc'), 'now-1h');
  });
});

describe('moves of a range', () => {
  const now = 10_000;

  it('shift by half, not past now', () => {
    assert.deepEqual(shiftSpan({ from: 0, to: 1000 }, -1, now), { from: -500, to: 500 });
    assert.deepEqual(shiftSpan({ from: 0, to: 1000 }, 1, now), { from: 500, to: 1500 });
    assert.deepEqual(shiftSpan({ from: 8800, to: 9800 }, 1, now), { from: 9000, to: 10_000 });
    assert.deepEqual(shiftSpan({ from: 9000, to: 10_000 }, 1, now), { from: 9000, to: 10_000 });
  });

  it('zoom out to twice the length, not past now', () => {
    assert.deepEqual(zoomOutSpan({ from: 4000, to: 6000 }, now), { from: 3000, to: 7000 });
    assert.deepEqual(zoomOutSpan({ from: 8000, to: 10_000 }, now), { from: 6000, to: 10_000 });
    assert.equal(zoomOutSpan({ from: 5000, to: 5000 }, now).from < 5000, true);
  });

  it('zoom in to half the length around the middle', () => {
    assert.deepEqual(zoomInSpan({ from: 4000, to: 8000 }), { from: 5000, to: 7000 });
  });

  it('refresh in intervals that can be read', () => {
    assert.equal(intervalMilliseconds('15s'), 15_000);
    assert.equal(intervalMilliseconds('5m'), 300_000);
    assert.equal(intervalMilliseconds('1ms'), 5000);
    assert.equal(intervalMilliseconds('99d'), 86_400_000);
    for (const text of ['off', '', '0s', '5', 'auto', false, undefined] as const) assert.equal(intervalMilliseconds(text), undefined);
  });
});

describe('a range that an address gives', () => {
  it('is the last hour where it cannot be read or ends before it begins', () => {
    for (const raw of [{ from: 'banana', to: 'now' }, { from: 'now', to: 'now-1h' }, { from: 'now-1h', to: '' }]) {
      const range = toTimeRange(raw, 'utc');
      assert.deepEqual(range.raw, { from: 'now-1h', to: 'now' }, JSON.stringify(raw));
      assert.equal(Math.round((range.to.valueOf() - range.from.valueOf()) / 1000), 3600);
    }
  });
});
