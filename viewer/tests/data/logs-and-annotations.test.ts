// Loki's answers as frames, and annotations as marks.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Annotation } from '../../src/dashboard';
import type { AnnotationMark } from '../../src/panels/contract';
import { answering, context, dashboard, matrix, now, panel, variable } from './support/fixtures';

const start = now / 1000 - 600;

describe('Loki', () => {
  const loki = { refId: 'A', expr: '{service=~"$service"} |= "lost" |= `heart\\beat`', datasource: { type: 'loki', uid: '${logs}' }, maxLines: 50 };
  const variables = [variable({ name: 'logs', type: 'datasource' }, ['Loki']), variable({ name: 'service', multi: true }, ['a', 'b'])];
  const streams = {
    status: 'success',
    data: {
      resultType: 'streams',
      result: [
        { stream: { level: 'info' }, values: [['1767323040000000002', 'second'], ['1767323040000000001', 'first']] },
        { stream: { level: 'error' }, values: [['1767323041000000000', 'third', { structuredMetadata: { trace: 'x' } }]] },
      ],
    },
  };

  test('lines of all streams are one frame, the newest first', async () => {
    const { data, asked } = answering({ query_range: streams });
    const { frames } = await data.queryPanel(panel({ type: 'logs', targets: [loki] }), context({ variables }));
    assert.deepEqual(Object.fromEntries(asked[0]!.parameters), { query: '{service=~"(a|b)"} |= "lost" |= `heart\\beat`', limit: '50', direction: 'backward', start: `${now - 1_800_000}000000`, end: `${now}000000`, step: '2' });
    const field = (name: string): unknown[] => frames[0]!.fields.find((one) => one.name === name)!.values;
    assert.deepEqual(field('Line'), ['third', 'second', 'first']);
    assert.deepEqual(field('Time'), [1767323041000, 1767323040000, 1767323040000]);
    assert.deepEqual(field('labels'), [{ level: 'error', trace: 'x' }, { level: 'info' }, { level: 'info' }]);
    assert.equal(new Set(field('id')).size, 3);
    assert.deepEqual([frames[0]!.meta?.preferredVisualisationType, frames[0]!.meta?.searchWords], ['logs', ['lost', 'heart\\beat']]);
  });

  test('forward: the oldest first', async () => {
    const { data } = answering({ query_range: streams });
    const { frames } = await data.queryPanel(panel({ type: 'logs', targets: [{ ...loki, direction: 'forward' }] }), context({ variables }));
    assert.deepEqual(frames[0]!.fields.find(({ name }) => name === 'Line')!.values, ['first', 'second', 'third']);
  });

  test('numbers from logs are series', async () => {
    const { data } = answering({ query_range: matrix([{ level: 'info' }, [[start, '3']]]) });
    const { frames } = await data.queryPanel(panel({ targets: [{ ...loki, expr: 'sum by (level) (count_over_time({a="b"}[$__auto]))', legendFormat: '{{level}}' }] }), context({ variables }));
    assert.deepEqual([frames[0]!.fields[1]!.values, frames[0]!.fields[1]!.config.displayNameFromDS], [[3], 'info']);
  });
});

describe('annotations', () => {
  // Grafana documentation, "Annotate visualizations".
  const starts: Annotation = { name: 'Starts', expr: 'start * 1000', step: '60s', useValueForTime: 'on', titleFormat: '{{job}} started', textFormat: '{{instance}}', tagKeys: 'job', datasource: { type: 'prometheus', uid: 'Prometheus' }, iconColor: 'blue' };
  const query = async (annotation: Annotation, answer: object): Promise<{ marks: AnnotationMark[]; errors: string[]; asked: number }> => {
    const { data, asked } = answering({ query_range: answer });
    return { ...(await data.queryAnnotations(context({ dashboard: { ...dashboard, annotations: { list: [annotation] } } }))), asked: asked.length };
  };

  test('the value is the time', async () => {
    const time = now - 300_000;
    const { marks } = await query(starts, matrix([{ job: 'api', instance: 'x' }, [[start, String(time)], [start + 60, String(time)]]]));
    assert.deepEqual(marks, [{ time, title: 'api started', text: 'x', tags: ['api'], color: '#5794F2' }]);
  });

  test('what happened before the range is left out', async () => {
    const { marks } = await query(starts, matrix([{}, [[start, String(now - 86_400_000)]]]));
    assert.deepEqual(marks, []);
  });

  const alerts: Annotation = { name: 'Alerts', expr: 'ALERTS', step: '15s', titleFormat: '{{alertname}}', datasource: { type: 'prometheus', uid: 'Prometheus' } };
  const samples = (...offsets: number[]): [number, string][] => offsets.map((offset) => [start + offset, '1']);

  test('values that follow each other are one region', async () => {
    const { marks } = await query(alerts, matrix([{ alertname: 'Down' }, samples(0, 15, 30, 120)]));
    assert.deepEqual(marks.map(({ time, timeEnd, title }) => [time / 1000 - start, timeEnd === undefined ? undefined : timeEnd / 1000 - start, title]), [[0, 30, 'Down'], [120, undefined, 'Down']]);
  });

  test('zero is no mark', async () => {
    const { marks } = await query(alerts, matrix([{}, [[start, '0'], [start + 15, 'NaN']]]));
    assert.deepEqual(marks, []);
  });

  test("those that are off and Grafana's own list are not asked", async () => {
    assert.equal((await query({ ...alerts, enable: false }, matrix())).asked, 0);
    const builtIn = await query({ name: 'Annotations & Alerts', builtIn: 1, type: 'dashboard', datasource: { type: 'grafana', uid: '-- Grafana --' } }, matrix());
    assert.deepEqual([builtIn.asked, builtIn.errors], [0, []]);
  });

  test('what cannot be done is said with the name', async () => {
    const errors = async (more: Partial<Annotation>): Promise<string[]> => (await query({ ...alerts, ...more }, { status: 'error', errorType: 'bad_data', error: 'no' })).errors;
    assert.deepEqual(await errors({}), ['Annotation "Alerts": Prometheus refuses the query: no.']);
    assert.deepEqual(await errors({ datasource: { type: 'loki', uid: 'Loki' } }), ['Annotation "Alerts": it asks Loki; the viewer draws annotations from Prometheus only.']);
    assert.deepEqual(await errors({ datasource: { type: 'grafana', uid: '-- Grafana --' } }), ['Annotation "Alerts": it asks for data that Grafana makes itself, which the viewer cannot query.']);
    const filtered = await query({ ...alerts, filter: { exclude: false, ids: [1] } }, matrix());
    assert.deepEqual(filtered.errors, ['Annotation "Alerts": the viewer does not do showing an annotation on some panels only.']);
  });
});
