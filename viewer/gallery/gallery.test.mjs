// The panels in a real browser, drawn from fixed frames under the backend's Content-Security-Policy: `node --test gallery/`.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { launchBrowser } from '../tests/chromium.mjs';
import { serveGallery } from './gallery.mjs';

let server;
let address;
let browser;
const axe = await readFile(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

before(async () => {
  ({ server, address } = await serveGallery());
  browser = await launchBrowser();
});
after(async () => {
  await browser?.close();
  server?.close();
});

/** The gallery, and everything that the page complained about. */
async function openGallery(theme = 'dark', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1540, height: 1000 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack));
  // The Markdown panel names a picture that does not exist.
  page.on('console', (message) => message.type() === 'error' && !message.text().includes('404') && faults.push(message.text()));
  await page.goto(`${address}?theme=${theme}`);
  await page.waitForFunction(() => window.gallery?.done);
  await page.locator('.panel-alert').first().waitFor();
  await page.locator('.panel-text-body table').waitFor();
  return { page, faults, card: (title) => page.locator('.card', { has: page.locator('h2', { hasText: title }) }).first(), close: () => context.close() };
}

const drawn = (card) => card.locator('[data-panel-kind]').evaluate((root) => root.__drawn);
const tooltip = (page) => page.locator('[data-panel-tooltip]:not([hidden])');

describe('every panel', () => {
  for (const theme of ['dark', 'light']) {
    it(`is drawn in the ${theme} theme without a complaint of the browser`, async () => {
      const { page, faults, close } = await openGallery(theme);
      assert.deepEqual([...faults, ...(await page.evaluate(() => window.gallery.violations))], []);
      const empty = await page.evaluate(() => [...document.querySelectorAll('[data-panel-kind]')].filter((root) => root.childElementCount === 0 || !root.__drawn).map((root) => root.dataset.panelKind));
      assert.deepEqual(empty, []);
      await close();
    });

    it(`has no serious fault of accessibility in the ${theme} theme`, async () => {
      const { page, close } = await openGallery(theme, { bypassCSP: true });
      await page.evaluate(axe);
      const found = await page.evaluate(async () => (await globalThis.axe.run('.card', { resultTypes: ['violations'] })).violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' ; ')}`));
      assert.deepEqual(found, []);
      await close();
    });
  }
});

describe('a time series', () => {
  it('draws stacked what it was given', async () => {
    const { card, close } = await openGallery();
    const { series } = await drawn(card('Stacked, many'));
    const sums = series[0].values.map(() => 0);
    for (const one of series) {
      one.values.forEach((value, row) => (sums[row] += value));
      assert.deepEqual(one.drawn.map((value) => value.toFixed(9)), sums.map((value) => value.toFixed(9)), one.name);
    }
    const percent = await drawn(card('Percent, right'));
    assert.ok(percent.series.at(-1).drawn.every((value) => Math.abs(value - 1) < 1e-9));
    await close();
  });

  it('writes last and largest values into the legend', async () => {
    const { card, close } = await openGallery();
    const { series } = await drawn(card('Lines, table'));
    for (const { name, values } of series) {
      const cells = await card('Lines, table').locator(`[data-legend-row="${name}"] [data-calc]`).allInnerTexts();
      const expected = [values.at(-1), Math.max(...values)].map((value) => `${value.toPrecision(3)} req/s`);
      assert.deepEqual(cells, expected, name);
    }
    await close();
  });

  it('isolates by click, toggles by click with Ctrl, and listens to the keyboard', async () => {
    const { page, card, close } = await openGallery();
    const stacked = card('Stacked, many');
    const visible = async () => (await drawn(stacked)).series.filter((one) => one.visible).map(({ name }) => name);
    await stacked.locator('[data-legend-row="201"] button').click();
    assert.deepEqual(await visible(), ['201']);
    await stacked.locator('[data-legend-row="200"] button').click({ modifiers: ['Control'] });
    const two = (await drawn(stacked)).series.filter((one) => one.visible);
    assert.equal(two[1].drawn[5], two[0].values[5] + two[1].values[5], 'what is hidden is not stacked');
    await page.keyboard.press('Enter');
    assert.deepEqual(await visible(), ['200'], 'the focus stays on the button');
    await page.keyboard.press('Enter');
    assert.equal((await visible()).length, 8);
    await close();
  });

  it('tells all values under the pointer, the largest first', async () => {
    const { page, card, close } = await openGallery();
    await card('Stacked, many').locator('.u-over').hover({ position: { x: 200, y: 60 } });
    const texts = await tooltip(page).locator('.panel-tooltip-value').allInnerTexts();
    const numbers = texts.map(parseFloat);
    assert.equal(numbers.length, 8);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => b - a));
    await close();
  });

  it('tells only the nearest series in the single mode', async () => {
    const { page, card, close } = await openGallery();
    const one = card('Bytes, gaps');
    const over = await one.locator('.u-over').boundingBox();
    const { series, scales, x } = await drawn(one);
    const row = 20;
    const { min, max } = scales[series[0].scale];
    const place = { x: (over.width * (x[row] - x[0])) / (x.at(-1) - x[0]), y: over.height * (1 - (series[0].drawn[row] - min) / (max - min)) };
    await one.locator('.u-over').hover({ position: place });
    assert.deepEqual(await tooltip(page).locator('.panel-tooltip-name').allInnerTexts(), ['used']);
    await close();
  });

  it('zooms by dragging, and keeps a pinned tooltip until Escape', async () => {
    const { page, card, close } = await openGallery();
    const box = await card('Lines, table').locator('.u-over').boundingBox();
    await page.mouse.move(box.x + 100, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + 150, box.y + 45, { steps: 4 });
    await page.mouse.move(box.x + 200, box.y + 45);
    await page.mouse.up();
    const [zoom] = await page.evaluate(() => window.gallery.zooms);
    const { x } = await drawn(card('Lines, table'));
    const timeAt = (left) => x[0] + ((x.at(-1) - x[0]) * left) / box.width;
    assert.ok(Math.abs(zoom.from - timeAt(100)) < 60_000 && Math.abs(zoom.to - timeAt(200)) < 60_000, JSON.stringify(zoom));
    await page.mouse.move(box.x + 250, box.y + 40);
    await tooltip(page).waitFor();
    await page.mouse.click(box.x + 250, box.y + 40);
    assert.equal(await page.locator('.panel-tooltip-pinned').count(), 1);
    await page.keyboard.press('Escape');
    assert.equal(await tooltip(page).count(), 0);
    await close();
  });

  it('keeps tooltip, hidden series and the place in the legend when new data come', async () => {
    const { page, card, close } = await openGallery();
    const stacked = card('Stacked, many');
    await stacked.locator('[data-legend-row="304"] button').click({ modifiers: ['Control'] });
    const legend = stacked.locator('.panel-legend');
    await legend.evaluate((node) => (node.scrollTop = 48));
    await stacked.locator('.u-over').hover({ position: { x: 200, y: 60 } });
    const before = await tooltip(page).innerText();
    await page.evaluate(() => window.gallery.redraw());
    await page.waitForTimeout(300);
    assert.equal(await tooltip(page).innerText(), before);
    assert.equal(await legend.evaluate((node) => node.scrollTop), 48);
    assert.deepEqual((await drawn(stacked)).series.filter(({ visible }) => !visible).map(({ name }) => name), ['304']);
    await close();
  });

  it('gives its axes the room that their labels need', async () => {
    const { page, card, close } = await openGallery();
    const graphs = await page.$$eval('[data-panel-kind="timeseries"]', (roots) => roots.map(({ __drawn }) => __drawn.axes ?? []));
    assert.ok(graphs.flat().length >= 10);
    assert.deepEqual(graphs.flat().filter(({ needed, room }) => Math.abs(needed - room) >= 1), []);
    const [low] = (await drawn(card('Low'))).axes;
    assert.ok(low.labels.includes('22.5%'), low.labels.join());
    const [narrow] = (await drawn(card('Narrow'))).axes;
    assert.match(narrow.labels.at(-1), /^0\.\d.* requests\/s$/);
    await close();
  });

  it('shows whole rows of its legend, and how many there are', async () => {
    const { page, card, close } = await openGallery();
    const cut = await page.$$eval('.panel-legend', (legends) =>
      legends.flatMap((legend) => {
        const { top, bottom } = legend.getBoundingClientRect();
        return [...legend.querySelectorAll('[data-legend-row]')].map((row) => row.getBoundingClientRect()).filter((row) => row.top < bottom - 1 && row.bottom > bottom + 1).map((row) => row.top - top);
      }));
    assert.deepEqual(cut, []);
    const wide = await page.$$eval('.panel-legend-right', (legends) => legends.filter((legend) => legend.scrollWidth > legend.clientWidth).length);
    assert.equal(wide, 0);
    const legend = card('Stacked, many').locator('.panel-legend');
    assert.equal(await legend.locator('[data-legend-count]').innerText(), '3 of 8');
    assert.ok(await legend.evaluate((node) => node.classList.contains('panel-legend-more')));
    await legend.evaluate((node) => (node.scrollTop = node.scrollHeight));
    await page.waitForFunction((node) => !node.classList.contains('panel-legend-more'), await legend.elementHandle());
    await close();
  });

  it('prints all rows of its legend', async () => {
    const { page, card, close } = await openGallery();
    const root = card('Stacked, many').locator('[data-panel-kind]');
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.gallery.redraw());
    const hidden = await root.evaluate((node) => {
      const { bottom } = node.getBoundingClientRect();
      return [...node.querySelectorAll('[data-legend-row]')].filter((row) => row.getBoundingClientRect().bottom > bottom + 1).length;
    });
    assert.equal(hidden, 0);
    assert.equal(await root.locator('[data-legend-count]').isVisible(), false);
    await close();
  });

  it('shows annotations by hover and by focus', async () => {
    const { page, card, close } = await openGallery();
    await card('Lines, table').locator('.panel-annotation-mark').hover();
    assert.match(await tooltip(page).innerText(), /09:40:00\s+belfry started\s+127\.0\.0\.1:8000\s+start/);
    await page.mouse.move(0, 0);
    await card('Lines, table').locator('.panel-annotation-region').focus();
    assert.match(await tooltip(page).innerText(), /HighErrorRate/);
    await close();
  });

  it('shares its cursor with the other graphs', async () => {
    const { card, close } = await openGallery();
    const line = card('Lines, table').locator('.u-cursor-x');
    const before = await line.evaluate((node) => node.style.transform);
    await card('Scheme gradient').locator('.u-over').hover({ position: { x: 120, y: 50 } });
    assert.notEqual(await line.evaluate((node) => node.style.transform), before);
    await close();
  });
});

describe('other panels', () => {
  it('show values as Grafana formats them', async () => {
    const { card, close } = await openGallery();
    assert.deepEqual(await card('Background').locator('[data-stat-value]').allInnerTexts(), ['Reachable']);
    assert.deepEqual(await card('Several gauges').locator('[data-gauge-title]').allInnerTexts(), ['cpu', 'memory', 'disk']);
    assert.match(await card('Wide with name').locator('[data-stat-value]').innerText(), /^3 hours$/);
    assert.deepEqual(await card('Basic').locator('[data-bar-value]').allInnerTexts(), ['5.74 mins', '21.3 mins', '42.3 mins']);
    await close();
  });

  it('say what is missing in the words of the dashboard', async () => {
    const { page, card, close } = await openGallery();
    assert.deepEqual(await page.locator('.card', { has: page.locator('h2', { hasText: /^No data$/ }) }).locator('[data-panel-kind]').allInnerTexts(), ['Metrics off or down', 'Metrics off or down']);
    assert.match(await card('A kind that is not drawn').innerText(), /does not draw panels of the kind "news"/);
    await close();
  });

  it('sort tables by click and follow links through the shell', async () => {
    const { page, card, close } = await openGallery();
    const cells = card('Cells').locator('tbody tr td:nth-child(3)');
    await card('Cells').locator('.panel-table-sort', { hasText: 'Duration' }).click();
    assert.deepEqual(await cells.allInnerTexts(), ['20 ms', '80 ms', '180 ms', '320 ms', '720 ms', '980 ms', '1.28 s', '1.62 s', '']);
    await card('Cells').locator('.panel-table-sort', { hasText: 'Duration' }).press('Enter');
    assert.equal((await cells.allInnerTexts())[0], '1.62 s');
    await card('Cells').locator('tbody a').first().click();
    assert.deepEqual(await page.evaluate(() => window.gallery.links), ['/dashboards/training?x=1']);
    await close();
  });

  it('tell the state and the bucket under the pointer', async () => {
    const { page, card, close } = await openGallery();
    await card('State timeline').locator('.u-over').hover({ position: { x: 120, y: 60 } });
    assert.match(await tooltip(page).innerText(), /disk_space\s+passing\s+Duration\s+1h 2m/);
    await card('Heatmap').locator('.u-over').hover({ position: { x: 200, y: 100 } });
    const { cells } = await drawn(card('Heatmap'));
    const [, bucket, count] = /to ([\d.]+ m?s)\s+Count\s+(\d+)/.exec(await tooltip(page).innerText());
    const upper = bucket.endsWith('ms') ? parseFloat(bucket) / 1000 : parseFloat(bucket);
    assert.ok(cells.some(({ row, value }) => Number(row) === upper && value === Number(count)), `${bucket} ${count}`);
    await close();
  });

  it('let Markdown do no harm', async () => {
    const { card, close } = await openGallery();
    const html = await card('Markdown').locator('.panel-text-body').innerHTML();
    assert.match(html, /<strong>run<\/strong>/);
    assert.doesNotMatch(html, /script|onerror|style=/i);
    await close();
  });

  it('open a log line to its labels and fields', async () => {
    const { card, close } = await openGallery();
    const row = card('Logs').locator('.panel-log').nth(2);
    assert.equal(await row.getAttribute('data-log-level'), 'error');
    await row.locator('button').click();
    assert.match(await row.locator('.panel-log-details').innerText(), /environment\s+dev[\s\S]*request_id\s+01HX3K8/);
    await close();
  });

  it('list alerts by importance with how long they last', async () => {
    const { card, close } = await openGallery();
    assert.deepEqual(await card('Alerts').locator('.panel-alert-state').allInnerTexts(), ['Firing', 'Pending, silenced', 'Normal']);
    assert.match(await card('Alerts').locator('[data-alert="HighErrorRate"]').innerText(), /for \d+m \d+s/);
    await close();
  });
});
