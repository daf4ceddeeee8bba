// Variables in texts. The format cases are those of Grafana's documentation, "Variable syntax", "Advanced variable format options".
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type InterpolateFunction, dateTime } from '@grafana/data';
import type { VariableState } from '../../src/data/contract';
import { createInterpolation, type InterpolationInput } from '../../src/data/interpolation';
import { queryFormat } from '../../src/data/prometheus/query';
import { dashboard, lastMinutes, now, variable } from './support/fixtures';

function fill(variables: VariableState[] = [], more: Partial<InterpolationInput> = {}): InterpolateFunction {
  return createInterpolation({ dashboard, variables, range: lastMinutes(30), timeZone: 'utc', intervals: { step: 15_000, rate: 60_000 }, ...more });
}
const servers = (...values: string[]): VariableState => variable({ name: 'servers', multi: true }, values);

describe('variable formats', () => {
  const documented: [string, string[], string][] = [
    ['csv', ['test1', 'test2'], 'test1,test2'],
    ['distributed', ['test1', 'test2'], 'test1,servers=test2'],
    ['doublequote', ['test1', 'test2'], '"test1","test2"'],
    ['glob', ['test1', 'test2'], '{test1,test2}'],
    ['json', ['test1', 'test2'], '["test1","test2"]'],
    ['lucene', ['test1', 'test2'], '("test1" OR "test2")'],
    ['pipe', ['test1.', 'test2'], 'test1.|test2'],
    ['raw', ['test1.', 'test2'], 'test1.,test2'],
    ['regex', ['test1.', 'test2'], '(test1\\.|test2)'],
    ['singlequote', ['test1', 'test2'], "'test1','test2'"],
    ['sqlstring', ["test'1", 'test2'], "'test''1','test2'"],
    ['text', ['test1', 'test2'], 'test1 + test2'],
    ['queryparam', ['test1', 'test2'], 'var-servers=test1&var-servers=test2'],
    // The page has no braces here; Grafana's own code and its tests do.
    ['percentencode', ['foo()bar BAZ', 'test2'], '%7Bfoo%28%29bar%20BAZ%2Ctest2%7D'],
    ['join:&', ['test1', 'test2'], 'test1&test2'],
  ];
  for (const [format, values, expected] of documented) {
    test(`\${servers:${format}}`, () => {
      assert.equal(fill([servers(...values)])(`\${servers:${format}}`), expected);
    });
  }

  test('an unknown format falls back to glob and is named', () => {
    const named: string[] = [];
    const text = fill([servers('a', 'b')], { onUnsupported: (what) => named.push(what) })('${servers:upside}');
    assert.equal(text, '{a,b}');
    assert.deepEqual(named, ['variable format upside']);
  });

  test('quotes are escaped inside quoted formats', () => {
    assert.equal(fill([servers('a"b')])('${servers:doublequote}'), '"a\\"b"');
    assert.equal(fill([servers("a'b")])('${servers:singlequote}'), "'a\\'b'");
  });
});

describe('variable syntax', () => {
  const job = variable({ name: 'job' }, ['api']);

  test('all three syntaxes are the same', () => {
    assert.equal(fill([job])('$job ${job} [[job]]'), 'api api api');
  });

  test('$name ends where the word ends, ${name} may stand inside one', () => {
    assert.equal(fill([job])('apps.frontend.$job.requests.count'), 'apps.frontend.api.requests.count');
    assert.equal(fill([job])('${job}s $jobs'), 'apis $jobs');
  });

  test('what is no variable stays', () => {
    assert.equal(fill([job])('label_replace(x, "a", "$1", "b", "(.*)")'), 'label_replace(x, "a", "$1", "b", "(.*)")');
  });

  test('a variable of a repeated panel comes before the chosen value', () => {
    const scoped = { servers: { text: 'two', value: 'b' } };
    assert.equal(fill([servers('a', 'b')], { scoped })('$servers ${servers:text}'), 'b two');
  });

  test('an option may show another text than its value', () => {
    const state: VariableState = { definition: { name: 'x', type: 'custom' }, options: [{ text: 'One', value: '1' }], chosen: ['1'] };
    assert.equal(fill([state])('$x ${x:text}'), '1 One');
  });
});

describe('variables in queries', () => {
  // "Prometheus template variables": values of multi-value variables are joined with | and escaped for a regular expression.
  const query = (state: VariableState, text = '$v'): string => fill([state])(text, undefined, queryFormat);
  const multi = (chosen: string[], options?: string[], more = {}): VariableState => variable({ name: 'v', multi: true, includeAll: true, ...more }, chosen, options);

  test('one value of a multi-value variable is escaped, without brackets', () => {
    assert.equal(query(multi(['127.0.0.1:80'])), '127\\\\.0\\\\.0\\\\.1:80');
  });
  test('several values become an alternative', () => {
    assert.equal(query(multi(['a.b', 'c+'])), '(a\\\\.b|c\\\\+)');
  });
  test('a single-value variable is text, not a regular expression', () => {
    assert.equal(query(variable({ name: 'v' }, ['a.b "c" \\d'])), 'a.b \\"c\\" \\\\d');
  });
  test('a value of a repeated multi-value variable is escaped', () => {
    assert.equal(fill([multi(['a.b', 'c'])], { scoped: { v: { text: 'a.b', value: 'a.b' } } })('$v', undefined, queryFormat), 'a\\\\.b');
  });
  test('All is every option', () => {
    assert.equal(query(multi(['$__all'], ['a', 'b.c'])), '(a|b\\\\.c)');
  });
  test('All with a custom value is that value, unescaped', () => {
    assert.equal(query(multi(['$__all'], ['a', 'b'], { allValue: '.+' })), '.+');
  });
  test('All of no options is an empty text', () => {
    assert.equal(query(multi(['$__all'], [])), '');
  });
  test('a format of the text itself wins over the format of queries', () => {
    assert.equal(query(multi(['a.b', 'c']), '${v:pipe}'), 'a.b|c');
  });
  test('All as text and in links stays a word', () => {
    assert.equal(fill([multi(['$__all'], ['a', 'b'])])('${v:text} ${v:queryparam}'), 'All var-v=%24__all');
  });
});

describe('global variables', () => {
  // Grafana documentation, "Global variables".
  test('intervals and range', () => {
    assert.equal(fill()('$__interval $__interval_ms $__rate_interval ${__rate_interval_ms} $__range $__range_s ${__range_ms}'), '15s 15000 1m 60000 1800s 1800 1800000');
  });
  test('from and to with their formats', () => {
    const iso = dateTime(now).toISOString();
    assert.equal(fill()('${__to}'), String(now));
    assert.equal(fill()('${__to:date}'), iso);
    assert.equal(fill()('${__to:date:iso}'), iso);
    assert.equal(fill()('${__to:date:seconds}'), String(now / 1000));
    assert.equal(fill()('${__to:date:YYYY-MM}'), '2026-01');
    assert.equal(fill()('${__from:date:HH:mm}'), '02:34');
  });
  test('the dashboard', () => {
    assert.equal(fill()('$__dashboard ${__dashboard.uid}'), 'Home home');
  });
  test('the time range for links is as the user chose it', () => {
    assert.equal(fill()('/d/x?${__url_time_range}'), '/d/x?from=now-30m&to=now');
    const range = lastMinutes(30);
    const absolute = { ...range, raw: { from: range.from, to: range.to } };
    assert.equal(fill([], { range: absolute })('$__url_time_range'), `from=${now - 1_800_000}&to=${now}`);
  });
  test('all variables for links', () => {
    const states = [servers('a b', 'c&d'), variable({ name: 'all', includeAll: true }, ['$__all'], ['x']), variable({ name: 'off', skipUrlSync: true }, ['x']), variable({ name: 'fixed', type: 'constant' }, ['x'])];
    assert.equal(fill(states)('${__all_variables}'), 'var-servers=a%20b&var-servers=c%26d&var-all=%24__all');
  });
  test('links encode values but not the parts that are encoded already', () => {
    const text = fill([servers('a b')])('/d/x?var-s=$servers&${__url_time_range}&${__all_variables}', undefined, 'uriencode');
    assert.equal(text, '/d/x?var-s=%7Ba%20b%7D&from=now-30m&to=now&var-servers=a%20b');
  });
  test('an interval variable on auto divides the range', () => {
    const state: VariableState = { definition: { name: 'step', type: 'interval', auto: true, auto_count: 30, auto_min: '10s' }, options: [], chosen: ['$__auto_interval_step'] };
    assert.equal(fill([state])('$step ${step:text}'), '1m auto');
  });
  test('what only Grafana knows is named and stays', () => {
    const named: string[] = [];
    assert.equal(fill([], { onUnsupported: (what) => named.push(what) })('${__user.login} $__org'), '${__user.login} $__org');
    assert.deepEqual(named, ['variable $__user.login', 'variable $__org']);
  });
});
