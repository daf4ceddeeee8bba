import '../app/browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDataFrame, createTheme, type Field, FieldType, getDisplayProcessor } from '@grafana/data';
import type { Panel } from '../../src/dashboard';
import { alertItems, groupAlerts, labelMatchers, selectAlerts } from '../../src/panels/alertlist/alerts';
import { joinFrames } from '../../src/panels/graph/frames';
import { panelKind } from '../../src/panels';
import { completePanel } from '../../src/panels/shared/complete';
import { readableText, smallTextOn, textOn } from '../../src/panels/shared/colors';
import { durationText } from '../../src/panels/shared/duration';
import { commonLabels, levelOf, logLines, prettyBody, sortLines } from '../../src/panels/logs/lines';
import { columnWidths } from '../../src/panels/table';
import { footerTexts, nextSort, rowOrder } from '../../src/panels/table/rows';

const theme = createTheme();

function frame() {
  return createDataFrame({
    fields: [
      { name: 'name', type: FieldType.string, values: ['b10', 'b9', '', 'a'], config: {} },
      { name: 'value', type: FieldType.number, values: [1, null, 3, 2], config: { unit: 's' } },
    ],
  });
}

describe('table', () => {
  it('sorts numbers as numbers and text with numbers in it, empty cells last', () => {
    const one = frame();
    assert.deepEqual(rowOrder(one, { name: 'value', descending: false }, [one]), [0, 3, 2, 1]);
    assert.deepEqual(rowOrder(one, { name: 'value', descending: true }, [one]), [2, 3, 0, 1]);
    assert.deepEqual(rowOrder(one, { name: 'name', descending: false }, [one]), [3, 1, 0, 2]);
    assert.deepEqual(rowOrder(one, undefined, [one]), [0, 1, 2, 3]);
  });

  it('turns a heading through ascending, descending and unsorted', () => {
    const first = nextSort(undefined, 'a');
    assert.deepEqual(first, { name: 'a', descending: false });
    assert.deepEqual(nextSort(first, 'a'), { name: 'a', descending: true });
    assert.equal(nextSort({ name: 'a', descending: true }, 'a'), undefined);
    assert.deepEqual(nextSort(first, 'b'), { name: 'b', descending: false });
  });

  it('sums up at its foot, in the unit of the column', () => {
    const one = frame();
    for (const field of one.fields) {
      field.display = getDisplayProcessor({ field: field as Field, theme });
    }
    assert.deepEqual(footerTexts(one, one.fields, { show: true, reducer: ['sum'] }, [one]), ['Total', '6 s']);
    assert.deepEqual(footerTexts(one, one.fields, { show: true, countRows: true }, [one]), ['Count: 4', '']);
    assert.equal(footerTexts(one, one.fields, undefined, [one]), undefined);
  });

  it('gives columns the configured width and shares the rest', () => {
    const column = (custom: object) => ({ config: { custom } });
    assert.deepEqual(columnWidths([column({ width: 100 }), column({}), column({})], 700), [100, 300, 300]);
    assert.deepEqual(columnWidths([column({}), column({ minWidth: 200 })], 150), [100, 200]);
  });
});

describe('logs', () => {
  it('know the level from labels, from the line, or not at all', () => {
    assert.equal(levelOf({ level: 'WARN' }, 'error'), 'warning');
    assert.equal(levelOf({}, '{"level":"ERROR","message":"x"}'), 'error');
    assert.equal(levelOf({}, 'ts=1 level=debug msg=x'), 'debug');
    assert.equal(levelOf({}, '2024-05-15 INFO started'), 'info');
    assert.equal(levelOf({}, 'information about errors'), 'unknown');
  });

  it('stand newest first, within a millisecond by nanoseconds', () => {
    const logs = createDataFrame({
      fields: [
        { name: 'Time', type: FieldType.time, values: [1, 2, 2] },
        { name: 'Line', type: FieldType.string, values: ['first', 'second', 'third'] },
        { name: 'tsNs', type: FieldType.string, values: ['1000000', '2000001', '2000002'] },
        { name: 'labels', type: FieldType.other, values: [{ a: '1', b: 'x' }, { a: '1', b: 'y' }, { a: '1', b: 'z' }] },
      ],
    });
    const lines = logLines([logs]);
    assert.deepEqual(sortLines(lines, 'Descending').map(({ body }) => body), ['third', 'second', 'first']);
    assert.deepEqual(sortLines(lines, 'Ascending').map(({ body }) => body), ['first', 'second', 'third']);
    assert.deepEqual(commonLabels(lines), { a: '1' });
  });

  it('print JSON over several lines and leave text alone', () => {
    assert.equal(prettyBody('{"a":1}'), '{\n  "a": 1\n}');
    assert.equal(prettyBody('12 plain'), '12 plain');
  });
});

describe('alert list', () => {
  const rules = {
    data: {
      groups: [
        {
          name: 'g',
          rules: [
            { type: 'alerting', name: 'Broken', health: 'err', alerts: [] },
            { type: 'alerting', name: 'Quiet', health: 'ok', alerts: [] },
            { type: 'recording', name: 'r' },
            {
              type: 'alerting', name: 'Loud', alerts: [
                { state: 'firing', labels: { alertname: 'Loud', job: 'a', severity: 'critical' }, annotations: {}, activeAt: '2024-05-15T12:00:00Z' },
                { state: 'pending', labels: { alertname: 'Loud', job: 'b', severity: 'warning' }, annotations: {}, activeAt: '2024-05-15T11:00:00Z' },
              ],
            },
          ],
        },
      ],
    },
  };

  it('knows every state, and what is silenced', () => {
    const items = alertItems(rules, [{ labels: { severity: 'critical', job: 'a', alertname: 'Loud' }, status: { state: 'suppressed' } }]);
    assert.deepEqual(items.map(({ name, state, silenced }) => [name, state, silenced]), [
      ['Broken', 'error', false], ['Quiet', 'normal', false], ['Loud', 'firing', true], ['Loud', 'pending', false],
    ]);
  });

  it('filters by state, name and labels', () => {
    const items = () => alertItems(rules, undefined);
    assert.deepEqual(selectAlerts(items(), { stateFilter: { firing: true } }).map(({ state }) => state), ['firing']);
    assert.deepEqual(selectAlerts(items(), { stateFilter: { normal: true, error: true }, alertName: 'qui' }).map(({ name }) => name), ['Quiet']);
    assert.deepEqual(selectAlerts(items(), { alertInstanceLabelFilter: '{job=~"b|c"}' }).map(({ labels }) => labels.job), ['b']);
    assert.equal(selectAlerts(items(), { maxItems: 1 }).length, 1);
  });

  it('sorts by importance and by time', () => {
    const states = (sortOrder: number) => selectAlerts(alertItems(rules, undefined), { sortOrder }).map(({ state }) => state);
    assert.deepEqual(states(3), ['firing', 'error', 'pending']);
    assert.deepEqual(states(4), ['pending', 'firing', 'error']);
  });

  it('groups by labels as asked', () => {
    const items = selectAlerts(alertItems(rules, undefined), { stateFilter: { firing: true, pending: true } });
    assert.deepEqual(groupAlerts(items, {}).map(({ title }) => title), ['Loud']);
    assert.deepEqual(groupAlerts(items, { groupMode: 'custom', groupBy: ['severity'] }).map(({ title }) => title), ['severity=critical', 'severity=warning']);
  });

  it('matches labels as Prometheus does, whole values', () => {
    const matches = (filter: string, labels: Record<string, string>) => labelMatchers(filter).every((matcher) => matcher(labels));
    assert.ok(matches('a="1", b!="2"', { a: '1' }));
    assert.ok(!matches('a=~"1"', { a: '12' }));
    assert.ok(matches('a!~"x.*"', { a: 'y' }));
  });
});

describe('joined frames', () => {
  const one = (name: string, times: number[], values: (number | null)[], interval = 10) =>
    createDataFrame({
      fields: [
        { name: 'Time', type: FieldType.time, values: times, config: { interval } },
        { name: 'Value', type: FieldType.number, values, config: { displayNameFromDS: name } },
      ],
    });

  it('have one row an instant, and gaps where samples are missing', () => {
    const table = joinFrames([one('a', [0, 10, 40], [1, 2, 3]), one('b', [0, 10, 20, 30, 40], [5, 5, 5, 5, 5])], { span: { from: 0, to: 40 } })!;
    const b = table.series.find(({ name }) => name === 'b')!;
    assert.deepEqual(table.series.map(({ name }) => name), ['a', 'b']);
    const at = (time: number) => table.series[0]!.values[table.times.indexOf(time)];
    assert.deepEqual([at(0), at(10), at(40)], [1, 2, 3]);
    assert.ok(table.series[0]!.values.some((value) => value === null), 'a gap after 10');
    assert.deepEqual(table.times.filter((_, index) => typeof b.values[index] === 'number'), [0, 10, 20, 30, 40]);
  });

  it('have no NaN, for the graph and for the calculations', () => {
    const table = joinFrames([one('a', [0, 10], [Number.NaN, Infinity]), one('b', [0, 10], [1, 2])], { span: { from: 0, to: 10 } })!;
    assert.deepEqual(table.series[0]!.values, [null, null]);
    assert.deepEqual(table.series[0]!.ownValues, [null, null]);
    assert.equal(table.series[1]!.rowOfTime(10), 1);
    assert.equal(table.series[1]!.rowOfTime(5), -1);
  });

  it('are nothing without samples', () => {
    assert.equal(joinFrames([], { span: { from: 0, to: 1 } }), undefined);
    assert.equal(joinFrames([one('a', [], [])], { span: { from: 0, to: 1 } }), undefined);
  });
});

describe('what a kind does not honour', () => {
  const panel = (type: string, options: object, custom: object = {}, overrides: object[] = []) => ({ id: 1, type, options, fieldConfig: { defaults: { custom }, overrides }, gridPos: {} }) as unknown as Panel;

  it('is named, with its value', () => {
    const { unsupported } = panelKind('timeseries');
    assert.deepEqual(unsupported(panel('timeseries', { legend: { showLegend: true, calcs: ['max'] } }, { lineStyle: { fill: 'square' }, lineWidth: 2 })), ['field option lineStyle.fill "square"']);
    assert.deepEqual(unsupported(panel('timeseries', { somethingNew: 3 })), ['option somethingNew "3"']);
    assert.deepEqual(unsupported(panel('timeseries', {}, {}, [{ matcher: {}, properties: [{ id: 'custom.lineInterpolation', value: 'wavy' }, { id: 'unit', value: 's' }] }])), ['field option lineInterpolation "wavy"']);
    assert.deepEqual(panelKind('logs').unsupported(panel('logs', { dedupStrategy: 'exact' })), ['option dedupStrategy "exact"']);
  });

  it('is the whole panel for kinds that are not drawn, also for "constructor"', () => {
    assert.deepEqual(panelKind('news').unsupported(panel('news', {})), ['panel kind "news"']);
    assert.deepEqual(panelKind('constructor').unsupported(panel('constructor', {})), ['panel kind "constructor"']);
    assert.deepEqual(panelKind('geomap').unsupported(panel('geomap', {})), ['panel kind "geomap"']);
  });
});

describe('a panel that says little', () => {
  const bare = (type: string, options?: object) => completePanel({ id: 1, type, gridPos: { x: 0, y: 0, w: 8, h: 8 }, ...(options ? { options } : {}) } as unknown as Panel);

  it('has the options that Grafana assumes', () => {
    assert.deepEqual(bare('timeseries').options, { legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] }, tooltip: { mode: 'single', sort: 'none' } });
    assert.deepEqual(bare('text').options, {});
    assert.deepEqual(bare('constructor').fieldConfig, { defaults: {}, overrides: [] });
  });

  it('keeps what it says', () => {
    const { legend } = bare('timeseries', { legend: { placement: 'right', calcs: ['max'] }, tooltip: null }).options;
    assert.deepEqual(legend, { showLegend: true, displayMode: 'list', placement: 'right', calcs: ['max'] });
  });
});

describe('colours of text', () => {
  it('are dark on bright backgrounds only', () => {
    assert.equal(textOn('#fade2a'), 'rgb(31, 31, 32)');
    assert.equal(textOn('#73bf69'), 'rgb(247, 248, 250)');
    assert.equal(smallTextOn('#73bf69'), 'rgb(31, 31, 32)');
  });

  it('stay as they are in the dark theme and can be read in the light one', () => {
    assert.equal(readableText('#73BF69', 14, theme), '#73BF69');
    assert.notEqual(readableText('#E0B400', 14, createTheme({ colors: { mode: 'light' } })), '#E0B400');
  });
});

describe('durations', () => {
  it('have two units at most', () => {
    assert.deepEqual([0, 45_000, 3_900_000, 90_061_000].map(durationText), ['0s', '45s', '1h 5m', '1d 1h']);
  });
});
