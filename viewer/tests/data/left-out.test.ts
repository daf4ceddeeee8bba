// What stands for parts of @grafana/data that are left out of the bundle does what the viewer needs of them, or says that it does not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createTheme, getValueFormats, rangeUtil, textUtil } from '@grafana/data';
import * as schemas from '../../src/left-out/schemas';
import { t } from '../../src/left-out/translations';

describe('parts that are left out', () => {
  test('texts are English, in singular and plural', () => {
    assert.equal(rangeUtil.describeTextRange('now-1h').display, 'Last 1 hour');
    assert.equal(rangeUtil.describeTextRange('now-6h').display, 'Last 6 hours');
    assert.equal(rangeUtil.describeTimeRange({ from: 'now/d', to: 'now/d' }), 'Today');
    assert.equal(t('x', 'Hello {{name}}', { name: 'you' }), 'Hello you');
  });

  test('no name of a unit is empty', () => {
    const unnamed = getValueFormats().flatMap(({ text, submenu = [] }) => [text, ...submenu.map((unit) => unit.text)]).filter((text) => !text);
    assert.deepEqual(unnamed, []);
  });

  test('themes are made without schemas', () => {
    assert.equal(createTheme({ colors: { mode: 'light' } }).isLight, true);
  });

  test('running a schema or a sanitizer fails aloud', () => {
    const made = (schemas.object as () => Record<string, () => unknown>)();
    assert.throws(() => made.safeParse!(), /zod is left out/);
    assert.throws(() => textUtil.sanitize('<b>'), /left out/);
  });
});
