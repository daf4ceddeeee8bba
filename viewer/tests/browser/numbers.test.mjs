// What is drawn is what Prometheus answered: each line of a graph and each number of a stat panel, read back from the page.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { dashboards, launchBrowser, openPage, panelsSettled } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** Every series of an answer of Prometheus, as its numbers alone. */
function seriesOf({ data }) {
  if (data?.resultType === 'matrix') return data.result.map(({ values }) => values.map(([, value]) => Number(value)));
  if (data?.resultType === 'vector') return data.result.map(({ value }) => [Number(value[1])]);
  return data?.resultType === 'scalar' ? [[Number(data.result[1])]] : [];
}

/** The series of all panels of a kind, as they were drawn. */
function drawnSeries(page, kind) {
  return page.$$eval(`[data-panel-kind="${kind}"]`, (roots) =>
    roots.flatMap((root) => {
      const title = root.closest('.grid-item')?.querySelector('.panel-title')?.textContent ?? '';
      return (root.__drawn?.series ?? []).map(({ name, values }) => ({ place: `${title}, ${name}`, values: values.filter((value) => typeof value === 'number') }));
    }));
}

for (const uid of ['backend-overview', 'http', 'resources']) {
  it(`the numbers drawn on ${uid} are those of the answers`, async () => {
    const answers = [];
    const prepare = (page) =>
      page.on('response', (response) => {
        if (/\/api\/v1\/query\/prometheus\/query(_range)?(\?|$)/.test(response.url()) && response.ok()) answers.push(response.json());
      });
    const { page, close } = await openPage(browser, `/dashboards/${uid}?from=now-15m&to=now`, { prepare });
    await panelsSettled(page);
    // First what is drawn: a panel that came into view meanwhile may be drawn, its answer has come by then.
    const graphs = await drawnSeries(page, 'timeseries');
    const stats = await drawnSeries(page, 'stat');
    const answered = (await Promise.all(answers)).flatMap(seriesOf).map((values) => values.filter(Number.isFinite));
    const known = new Set(answered.map((values) => values.join()));
    const unknown = graphs.filter(({ values }) => !known.has(values.filter(Number.isFinite).join()));
    assert.deepEqual(unknown.map(({ place }) => place), [], 'lines that no answer holds');
    const numbers = new Set(answered.flat());
    const wrong = stats.filter(({ values }) => values.length > 0 && !values.every((value) => numbers.has(value)));
    assert.deepEqual(wrong.map(({ place }) => place), [], 'numbers that no answer holds');
    assert.ok(graphs.length + stats.length >= 5, `${graphs.length} lines and ${stats.length} numbers`);
    await close();
  });
}

it('these dashboards are there', async () => {
  const uids = (await dashboards()).map(({ uid }) => uid);
  for (const uid of ['backend-overview', 'http', 'resources']) assert.ok(uids.includes(uid), uid);
});
