import './browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldType, type DataFrame } from '@grafana/data';
import { csvCell, fileName, frameToCsv, joinSeries } from '../../src/app/dashboard/csv';
import { toggleValue, valueText } from '../../src/app/dashboard/variable-choice';
import { matchesWords } from '../../src/app/words';
import { duration } from '../../src/app/pages/format';
import { alertValue } from '../../src/app/pages/alert-table';
import { filledAddress, templateParts } from '../../src/app/pages/templates';
import { failureTexts, unknownText } from '../../src/app/dashboard/variable-notices';
import type { Variable } from '../../src/dashboard';

describe('a choice of several values', () => {
  it('lets All stand alone', () => {
    assert.deepEqual(toggleValue(['$__all'], 'a', true), ['a']);
    assert.deepEqual(toggleValue(['a', 'b'], '$__all', true), ['$__all']);
  });

  it('adds and takes away', () => {
    assert.deepEqual(toggleValue(['a'], 'b', false), ['a', 'b']);
    assert.deepEqual(toggleValue(['a', 'b'], 'a', false), ['b']);
  });

  it('is never empty', () => {
    assert.deepEqual(toggleValue(['a'], 'a', true), ['$__all']);
    assert.deepEqual(toggleValue(['a'], 'a', false), ['a']);
  });

  it('is shown by the names of its values', () => {
    const state = (chosen: string[]) => ({ definition: {} as Variable, options: [{ text: 'One', value: '1' }], chosen });
    assert.equal(valueText(state(['$__all'])), 'All');
    assert.equal(valueText(state(['1', '2'])), 'One + 2');
    assert.equal(valueText(state(['1', '2', '3', '4'])), 'One + 2 + 2 more');
    assert.equal(valueText(state([])), 'None');
  });
});

describe('notices of variables', () => {
  const definition = { name: 'instance', type: 'query', includeAll: true } as Variable;
  const options = ['a', 'b'].map((value) => ({ text: value, value }));

  it('name a value that is none, and what there is', () => {
    assert.equal(unknownText({ definition, options, chosen: ['nosuch'], unknown: ['nosuch'] }), '“nosuch” is no value of instance; it has a, b.');
    assert.equal(unknownText({ definition, options: [], chosen: ['x', 'y'], unknown: ['x', 'y'] }), '“x”, “y” are no values of instance; it has none in this range of time.');
    assert.equal(unknownText({ definition, options, chosen: ['$__all'], unknown: ['nosuch'] }), '“nosuch” is no value of instance, so All is shown instead; it has a, b.');
    assert.equal(unknownText({ definition, options, chosen: ['a'] }), undefined);
  });

  it('name those that failed for one reason together, and leave to the banner what it says', () => {
    const state = (name: string, more: object) => ({ definition: { ...definition, name }, options: [], chosen: [], ...more });
    assert.deepEqual(failureTexts([state('a', { error: 'too long.' }), state('b', { error: 'too long.' }), state('c', {})]), ['a, b could not be read: too long.']);
    assert.deepEqual(failureTexts([state('a', { error: 'away.', away: { source: 'prometheus', code: 'query_source_unreachable' } })]), []);
  });
});

describe('CSV', () => {
  it('quotes what needs it', () => {
    assert.equal(csvCell('a,b'), '"a,b"');
    assert.equal(csvCell('say "x"'), '"say ""x"""');
    assert.equal(csvCell('two\nlines'), '"two\nlines"');
    assert.equal(csvCell('x;=1+1'), '"x;=1+1"');
    assert.equal(csvCell('x\t=1+1'), '"x\t=1+1"');
    assert.equal(csvCell('plain'), 'plain');
  });

  it('does not hand formulas to a spreadsheet, and leaves numbers alone', () => {
    assert.equal(csvCell('=1+1'), "'=1+1");
    assert.equal(csvCell('@SUM(A1)'), "'@SUM(A1)");
    assert.equal(csvCell('-cmd'), "'-cmd");
    assert.equal(csvCell("-1+cmd|'/c calc'!A0"), "'-1+cmd|'/c calc'!A0");
    assert.equal(csvCell('-.5+HYPERLINK("x")'), `"'-.5+HYPERLINK(""x"")"`);
    assert.equal(csvCell('+1+1'), "'+1+1");
    assert.equal(csvCell('\n=1+1'), `"'\n=1+1"`);
    assert.equal(csvCell('\t=1+1'), `"'\t=1+1"`);
    for (const number of ['-1.5', '+3', '1e-9', '-Infinity']) assert.equal(csvCell(number), number);
  });

  it('has times in ISO 8601 and nothing for null', () => {
    const frame: DataFrame = {
      length: 2,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: [0, 1000] },
        { name: 'Value', type: FieldType.number, config: { displayName: 'p95, all' }, values: [1.25, null] },
      ],
    };
    assert.equal(frameToCsv(frame, [frame]), 'Time,"p95, all"\r\n1970-01-01T00:00:00.000Z,1.25\r\n1970-01-01T00:00:01.000Z,\r\n');
  });

  const series = (labels: Record<string, string>, times: number[], values: (number | null)[], displayName?: string): DataFrame => ({
    length: times.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: times },
      { name: 'Value', type: FieldType.number, config: displayName === undefined ? {} : { displayName }, labels, values },
    ],
  });

  it('of a graph has one column of times and every series', () => {
    const frames = [series({ a: '1' }, [0, 2000], [1, 0]), series({ a: '2' }, [1000, 2000], [Number.NaN, 3.14159]), series({ a: '3' }, [], [])];
    const joined = joinSeries(frames)!;
    assert.equal(frameToCsv(joined, [joined]), ['Time,1,2,3', '1970-01-01T00:00:00.000Z,1,,', '1970-01-01T00:00:01.000Z,,NaN,', '1970-01-01T00:00:02.000Z,0,3.14159,', ''].join('\r\n'));
  });

  it('tells series of the same name apart by their labels', () => {
    const joined = joinSeries([series({ a: '1' }, [0], [1], 'p95'), series({ a: '2' }, [0], [2], 'p95')])!;
    assert.match(frameToCsv(joined, [joined]), /^Time,"p95 \{a=""1""\}","p95 \{a=""2""\}"\r\n/);
  });

  it('of what is no series stays as it is', () => {
    const table: DataFrame = { length: 1, fields: [{ name: 'name', type: FieldType.string, config: {}, values: ['x'] }] };
    assert.equal(joinSeries([table, table]), undefined);
    assert.equal(joinSeries([series({}, [0], [1])]), undefined, 'one alone');
    assert.equal(joinSeries([series({}, [0, 0], [1, 2]), series({}, [0], [1])]), undefined, 'two values at one time');
  });

  it('is named after its panel', () => {
    assert.equal(fileName('Latency p95 / route', new Date(0)), 'latency-p95-route-1970-01-01T000000.csv');
    assert.equal(fileName('…', new Date(0)), 'panel-1970-01-01T000000.csv');
  });
});

describe('texts of the pages', () => {
  it('match when every word is there', () => {
    assert.equal(matchesWords('Backend Monitoring', 'mon back'), true);
    assert.equal(matchesWords('Backend Monitoring', 'mon x'), false);
    assert.equal(matchesWords('anything', ''), true);
  });

  it('say durations in two units', () => {
    const cases: [number, string][] = [[0, '0s'], [0.0000042, '4µs'], [0.00321, '3.21ms'], [12.34, '12.3s'], [245, '4m 5s'], [7200, '2h'], [7380, '2h 3m'], [475_200, '5d 12h']];
    for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
  });

  it('show what an alert fills in as its name', () => {
    const shown = (text: string): string => templateParts(text).map((part) => ('text' in part ? part.text : `‹${part.name}›`)).join('');
    assert.equal(shown('{{ $value | humanizePercentage }} of {{$labels.job}} failed.'), '‹value› of ‹job› failed.');
    assert.equal(shown('{{ printf "%.0f" $value }} on {{- index $labels "a.b" -}}, {{ range query "up" }}'), '‹value› on ‹a.b›, ‹…›');
    assert.equal(shown('plain'), 'plain');
  });

  it('link to what needs no alert', () => {
    assert.equal(filledAddress('/d/http?var-job={{ $labels.job }}&from=now-1h'), '/d/http?from=now-1h');
    assert.equal(filledAddress('/d/http?var-job={{ $labels.job }}'), '/d/http');
    assert.equal(filledAddress('/d/http?query=a?b&var-job={{ $labels.job }}'), '/d/http?query=a?b');
    assert.equal(filledAddress('/d/{{ $labels.job }}'), undefined);
  });

  it('say values of alerts as people write them', () => {
    assert.equal(alertValue('1e+00'), '1');
    assert.equal(alertValue('1.2345678e-02'), '0.0123457');
    assert.equal(alertValue('NaN'), 'NaN');
  });
});
