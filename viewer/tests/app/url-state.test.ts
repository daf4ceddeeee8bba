import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Variable } from '../../src/dashboard';
import { chosenForUrl, readUrlState, sameChosen, writeUrlState } from '../../src/app/dashboard/url-state';

describe('the state in the URL', () => {
  it('comes back as it was written', () => {
    const state = {
      from: 'now-3h', to: 'now', timezone: 'utc', refresh: '30s', viewPanel: 'panel-201-clone-1', kiosk: true,
      chosen: { job: ['back end', 'a&b=c'], instance: ['$__all'], text: ['100% + ü'] },
    };
    assert.deepEqual(readUrlState(writeUrlState(state)), state);
  });

  it('has the names that Grafana uses', () => {
    const query = writeUrlState({ from: 'now-1h', to: 'now', refresh: '5s', viewPanel: 'panel-7', kiosk: true, chosen: { job: ['a', 'b'] } });
    assert.deepEqual([...new URLSearchParams(query)], [
      ['from', 'now-1h'], ['to', 'now'], ['var-job', 'a'], ['var-job', 'b'], ['refresh', '5s'], ['viewPanel', 'panel-7'], ['kiosk', 'true'],
    ]);
  });

  it('reads links of older Grafana versions', () => {
    const state = readUrlState('?from=1700000000000&to=1700003600000&viewPanel=7&var-job=All&kiosk');
    assert.equal(state.viewPanel, 'panel-7');
    assert.deepEqual(state.chosen, { job: ['$__all'] });
    assert.equal(state.from, '1700000000000');
    assert.equal(state.kiosk, true);
  });

  it('reads the range around a time, as links from a point of a graph have it', () => {
    const { from, to } = readUrlState('?time=1700000000000&time.window=600000&from=now-6h&to=now');
    assert.deepEqual({ from, to }, { from: '1699999700000', to: '1700000300000' });
    assert.equal(writeUrlState({ from, to, kiosk: false, chosen: {} }, '?time=1&time.window=2'), `?from=${from}&to=${to}`);
    for (const odd of ['?time=1700000000000', '?time=x&time.window=600000', '?time=17&time.window=']) {
      assert.deepEqual(readUrlState(odd).from, undefined, odd);
    }
  });

  it('takes no name for a member that every object has', () => {
    const { chosen } = readUrlState('?var-constructor=1&var-toString=2&var-toString=3&var-__proto__=4');
    assert.deepEqual(Object.entries(chosen), [['constructor', ['1']], ['toString', ['2', '3']]]);
    assert.equal(Object.getPrototypeOf(chosen), Object.prototype);
  });

  it('keeps parameters that it does not know', () => {
    const query = writeUrlState({ from: 'now-1h', to: 'now', kiosk: false, chosen: {} }, '?theme=light&from=now-9h&var-gone=1');
    assert.equal(query, '?from=now-1h&to=now&theme=light');
  });

  it('writes a variable without a value as empty', () => {
    assert.equal(writeUrlState({ kiosk: false, chosen: { text: [] } }), '?var-text=');
    assert.deepEqual(readUrlState('?var-text=').chosen, { text: [''] });
  });

  it('tells an empty refresh, which is off, from none', () => {
    assert.equal(readUrlState('?refresh=').refresh, 'off');
    assert.equal(readUrlState('').refresh, undefined);
  });

  it('leaves out constants and what asks to be left out', () => {
    const state = (definition: Partial<Variable>) => ({ definition: definition as Variable, options: [], chosen: ['x'] });
    const chosen = chosenForUrl([
      state({ name: 'job', type: 'query' }), state({ name: 'fixed', type: 'constant' }), state({ name: 'quiet', type: 'custom', skipUrlSync: true }),
    ]);
    assert.deepEqual(chosen, { job: ['x'] });
  });

  it('compares choices by their values in order', () => {
    assert.equal(sameChosen({ a: ['1', '2'] }, { a: ['1', '2'] }), true);
    assert.equal(sameChosen({ a: ['1', '2'] }, { a: ['1'] }), false);
    assert.equal(sameChosen({}, { a: ['1'] }), false);
    assert.equal(sameChosen({}, { a: [] }), true);
  });
});
