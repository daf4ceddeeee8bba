import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeySequences, type KeyBinding } from '../../src/app/keyboard';

function setUp(...keys: string[]) {
  const clock = { now: 0 };
  const bindings = keys.map((sequence): KeyBinding => ({ keys: sequence, description: '', group: 'Everywhere', run: () => undefined }));
  const feed = createKeySequences(() => bindings);
  return { clock, press: (key: string, more = {}) => feed({ key, timeStamp: clock.now, ...more })?.keys };
}

describe('key sequences', () => {
  it('answer single keys at once', () => {
    const { press } = setUp('r', '?');
    assert.equal(press('r'), 'r');
    assert.equal(press('?'), '?');
    assert.equal(press('x'), undefined);
  });

  it('wait for the second key', () => {
    const { press } = setUp('t z', 't left', 'd t');
    assert.equal(press('t'), undefined);
    assert.equal(press('z'), 't z');
    assert.equal(press('z'), undefined);
    assert.equal(press('t'), undefined);
    assert.equal(press('ArrowLeft'), 't left');
  });

  it('prefer a sequence to a single key', () => {
    const { press } = setUp('r', 'd r');
    press('d');
    assert.equal(press('r'), 'd r');
    assert.equal(press('r'), 'r');
  });

  it('forget the first key after a while', () => {
    const { press, clock } = setUp('t z', 'z');
    press('t');
    clock.now = 5000;
    assert.equal(press('z'), 'z');
  });

  it('fall back to the single key after a wrong one', () => {
    const { press } = setUp('t z', 'v');
    press('t');
    assert.equal(press('v'), 'v');
  });

  it('let Shift be held between, and tell capitals apart', () => {
    const { press } = setUp('d E', 'd e');
    press('d');
    assert.equal(press('Shift'), undefined);
    assert.equal(press('E'), 'd E');
  });

  it('take control and command as one, and leave Alt to the browser', () => {
    const { press } = setUp('ctrl+k', 'k');
    assert.equal(press('k', { ctrlKey: true }), 'ctrl+k');
    assert.equal(press('k', { metaKey: true }), 'ctrl+k');
    assert.equal(press('k', { altKey: true }), undefined);
    assert.equal(press('r', { ctrlKey: true }), undefined);
  });

  it('let the binding that came last win', () => {
    const bindings = ['first', 'last'].map((description): KeyBinding => ({ keys: 'r', description, group: 'Everywhere', run: () => undefined }));
    assert.equal(createKeySequences(() => bindings)({ key: 'r', timeStamp: 0 })?.description, 'last');
  });
});
