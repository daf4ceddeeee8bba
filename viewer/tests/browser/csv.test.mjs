// The file that a panel's data are downloaded as.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, it } from 'node:test';
import { launchBrowser, openPage, panelsSettled } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** The cells of a CSV file (RFC 4180) by row. */
function csvRows(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') rows.push([]);
  }
  return rows.slice(0, -1);
}

it('a graph is downloaded with all its series, and the numbers that it draws', async () => {
  const { page, close } = await openPage(browser, '/dashboards/http?refresh=off');
  await panelsSettled(page);
  const found = await page.waitForFunction(() =>
    [...document.querySelectorAll('[data-panel-kind=timeseries]')].filter((root) => root.__drawn.series.length > 1).map((root) => root.closest('.grid-item').dataset.panel)[0]);
  const panel = await found.jsonValue();
  const drawn = await page.$eval(`[data-panel="${panel}"] [data-panel-kind]`, (root) => root.__drawn.series.map(({ name, values }) => [name, values.filter((value) => typeof value === 'number')]));
  await page.locator(`[data-panel="${panel}"]`).scrollIntoViewIfNeeded();
  await page.hover(`[data-panel="${panel}"]`);
  await page.keyboard.press('i');
  await page.click('[data-tab=data]');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('button:has-text("Download CSV")')]);
  assert.match(download.suggestedFilename(), /\.csv$/);
  const [header, ...rows] = csvRows(await readFile(await download.path(), 'utf8'));
  const columns = header.slice(1).map((name, index) => [name, rows.map((row) => row[index + 1]).filter((cell) => cell !== '' && cell !== 'NaN').map(Number)]);
  const byName = ([a], [b]) => (a < b ? -1 : 1);
  assert.deepEqual(columns.sort(byName), drawn.sort(byName));
  assert.equal(header[0], 'Time');
  assert.ok(rows.length > 0 && rows.every(([time]) => time === new Date(time).toISOString()), 'times in ISO 8601');
  await close();
});
