// Transformations, overrides, units, mappings, thresholds and links, as they come out of the data layer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DataFrame, type Field, type FieldConfigSource, formattedValueToString, getFieldDisplayName, MappingType, ThresholdsMode, type ValueMapping } from '@grafana/data';
import type { Panel } from '../../src/dashboard';
import { answering, context, matrix, now, panel, variable, vector } from './support/fixtures';

const start = now / 1000 - 60;
const target = { refId: 'A', expr: 'up', legendFormat: '{{job}}' };

async function draw(fieldConfig: Partial<FieldConfigSource>, more: Partial<Panel> = {}, value = '1500'): Promise<{ frames: DataFrame[]; field: Field; unsupported: string[] }> {
  const { data } = answering({ query_range: matrix([{ job: 'api' }, [[start, value]]], [{ job: 'web' }, [[start, value]]]) });
  const config = { defaults: {}, overrides: [], ...fieldConfig };
  const { frames, unsupported } = await data.queryPanel(panel({ targets: [target], fieldConfig: config, ...more }), context({ variables: [variable({ name: 'job' }, ['api'])] }));
  return { frames, unsupported, field: frames[0]!.fields[1]! };
}
const shown = (field: Field, value: unknown = field.values[0]): string => formattedValueToString(field.display!(value));

describe('field options', () => {
  const units: [string, number | undefined, string, string][] = [
    ['s', undefined, '0.0015', '1.50 ms'],
    ['bytes', undefined, '1536', '1.50 KiB'],
    ['decbytes', undefined, '1500', '1.50 kB'],
    ['percentunit', undefined, '0.1234', '12.3%'],
    ['reqps', undefined, '3.456', '3.46 req/s'],
    ['short', 1, '1500', '1.5 K'],
    ['dateTimeAsIso', undefined, String(now), '2026-01-02 03:04:00'],
  ];
  for (const [unit, decimals, value, expected] of units) {
    test(`${value} in ${unit} is ${expected}`, async () => {
      const { field } = await draw({ defaults: { unit, ...(decimals === undefined ? {} : { decimals }) } }, {}, value);
      assert.equal(shown(field), expected);
    });
  }

  test('the first mapping that fits wins', async () => {
    const mappings: ValueMapping[] = [
      { type: MappingType.ValueToText, options: { '0': { text: 'down', color: 'red' } } },
      { type: MappingType.RangeToText, options: { from: 0, to: 10, result: { text: 'few' } } },
    ];
    const { field } = await draw({ defaults: { mappings } });
    assert.deepEqual([shown(field, 0), shown(field, 5), shown(field, 50)], ['down', 'few', '50']);
  });

  test('no value shows the text for it', async () => {
    const { field } = await draw({ defaults: { noValue: 'No $job requests' } });
    assert.equal(shown(field, null), 'No api requests');
  });

  test('without any the kind of panel decides how its series are coloured', async () => {
    const modeOf = async (type: string) => (await draw({}, { type })).field.config;
    assert.equal((await modeOf('timeseries')).color!.mode, 'palette-classic');
    const { color, thresholds } = await modeOf('stat');
    assert.equal(color!.mode, 'thresholds');
    assert.deepEqual(thresholds!.steps.map(({ value }) => value), [-Infinity, 80]);
    const { field } = await draw({}, { type: 'stat', fieldConfig: undefined as unknown as FieldConfigSource });
    assert.equal(shown(field), '1500');
  });

  test('the lowest threshold is null in the file and counts for everything below', async () => {
    const thresholds = { mode: ThresholdsMode.Absolute, steps: [{ value: null as unknown as number, color: 'green' }, { value: 10, color: 'red' }] };
    const { field } = await draw({ defaults: { thresholds, color: { mode: 'thresholds' } } });
    assert.notEqual(field.display!(-5).color, field.display!(50).color);
    assert.equal(field.config.thresholds!.steps[0]!.value, -Infinity);
    assert.equal(thresholds.steps[0]!.value, null, 'the dashboard itself stays as it is');
  });

  test('rules apply in their order, the last wins', async () => {
    const rule = (id: string, options: unknown, unit: string) => ({ matcher: { id, options }, properties: [{ id: 'unit', value: unit }] });
    const { frames } = await draw({ defaults: { unit: 'none' }, overrides: [rule('byRegexp', '/.*/', 's'), rule('byName', 'web', 'bytes')] });
    assert.deepEqual(frames.map((frame) => frame.fields[1]!.config.unit), ['s', 'bytes']);
  });

  test('custom options of defaults and overrides arrive, and nested ones do not leak into other series', async () => {
    const defaults = { custom: { lineWidth: 2, stacking: { mode: 'none', group: 'A' } } };
    const overrides = [{ matcher: { id: 'byName', options: 'web' }, properties: [{ id: 'custom.stacking', value: { mode: 'normal' } }, { id: 'custom.axisPlacement', value: 'right' }] }];
    const { frames } = await draw({ defaults, overrides });
    assert.deepEqual(frames.map((frame) => frame.fields[1]!.config.custom), [
      { lineWidth: 2, stacking: { mode: 'none', group: 'A' } },
      { lineWidth: 2, stacking: { mode: 'normal' }, axisPlacement: 'right' },
    ]);
  });

  test('a display name with a label is filled in', async () => {
    const { frames } = await draw({ defaults: { displayName: 'job ${__field.labels.job}' } });
    assert.deepEqual(frames.map((frame) => getFieldDisplayName(frame.fields[1]!, frame, frames)), ['job api', 'job web']);
  });

  test('what would be skipped silently is named', async () => {
    const overrides = [{ matcher: { id: 'byMagic', options: 'x' }, properties: [] }, { matcher: { id: 'byName', options: 'api' }, properties: [{ id: 'sparkle', value: 1 }] }];
    const { unsupported } = await draw({ defaults: { actions: [{ title: 'Restart' }] } as FieldConfigSource['defaults'], overrides }, { transformations: [{ id: 'regression', options: {} }, { id: 'organize', options: {}, disabled: true }] });
    assert.deepEqual(unsupported.sort(), ['field option actions', 'override of sparkle', 'override rule byMagic', 'transformation regression']);
  });
});

describe('transformations', () => {
  test('they run before overrides, which see the new names', async () => {
    const transformations = [{ id: 'renameByRegex', options: { regex: 'api', renamePattern: 'first' } }];
    const overrides = [{ matcher: { id: 'byName', options: 'first' }, properties: [{ id: 'unit', value: 's' }] }];
    const { frames } = await draw({ overrides }, { transformations });
    assert.equal(frames[0]!.fields[1]!.config.unit, 's');
  });

  test('variables in their options are filled in', async () => {
    const { frames } = await draw({}, { transformations: [{ id: 'filterFieldsByName', options: { include: { pattern: '/Time|$job/' } } }] });
    assert.deepEqual(frames.flatMap((frame) => frame.fields.filter(({ type }) => type !== 'time').map((field) => getFieldDisplayName(field, frame, frames))), ['api']);
  });

  for (const id of ['organize', 'merge', 'reduce', 'joinByField', 'groupBy', 'sortBy', 'labelsToFields', 'seriesToRows', 'limit', 'calculateField', 'filterByRefId', 'concatenate', 'seriesToColumns', 'histogram', 'transpose', 'convertFieldType', 'filterByValue', 'formatTime', 'groupingToMatrix']) {
    test(`${id} is one that runs`, async () => {
      assert.deepEqual((await draw({}, { transformations: [{ id, options: {} }] })).unsupported, []);
    });
  }

  test('organize hides, renames and orders the columns of a table', async () => {
    const { data } = answering({ query: vector([{ algorithm: 'x', le: '1' }, [start, '5']]) });
    const transformations = [{ id: 'organize', options: { excludeByName: { Time: true, le: true }, indexByName: { Value: 0, algorithm: 1 }, renameByName: { algorithm: 'Algorithm', Value: 'Score' } } }];
    const { frames } = await data.queryPanel(panel({ type: 'table', targets: [{ refId: 'A', expr: 'x', instant: true, format: 'table' }], transformations }), context());
    assert.deepEqual(frames[0]!.fields.map((field) => getFieldDisplayName(field, frames[0]!, frames)), ['Score', 'Algorithm']);
  });
});

describe('data links', () => {
  // Grafana documentation, "Configure data links and actions", "Data link variables".
  const link = async (url: string): Promise<string> => {
    const { frames } = await draw({ defaults: { unit: 'short', links: [{ title: '', url }] } });
    return frames[0]!.fields[1]!.getLinks!({ valueRowIndex: 0 })[0]!.href;
  };
  const cases: [string, string][] = [
    ['/d/x?var-job=${__field.labels.job}', '/d/x?var-job=api'],
    ['/d/x?name=${__field.name}', '/d/x?name=api'],
    ['/d/x?series=${__series.name}', '/d/x?series=api'],
    ['/d/x?raw=${__value.raw}', '/d/x?raw=1500'],
    ['/d/x?numeric=${__value.numeric}', '/d/x?numeric=1500'],
    ['/d/x?text=${__value.text}', '/d/x?text=1.50%20K'],
    ['/d/x?from=${__value.time}', `/d/x?from=${start * 1000}`],
    ['/d/x?v=${__data.fields[1]}', '/d/x?v=1.50%20K'],
    ['/d/x?v=${__data.fields.api.numeric}', '/d/x?v=1500'],
    ['/d/x?v=${__data.fields["api"].text}', '/d/x?v=1.50%20K'],
    ['/d/x?v=${__field.labels.job:percentencode}%26b', '/d/x?v=api%26b'],
    ['mailto:${__field.labels.job}@example.org', 'about:blank'],
    ['javascript:alert(1)//${__field.labels.job}', 'about:blank'],
    ['${__field.labels.job}:x', 'about:blank'],
    ['/d/x?${__url_time_range}&${__all_variables}', '/d/x?from=now-30m&to=now&var-job=api'],
  ];
  for (const [url, expected] of cases) {
    test(url, async () => assert.equal(await link(url), expected));
  }
});
