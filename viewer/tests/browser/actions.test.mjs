// What a person does on a dashboard: zoom, choose, go back, look closer, by mouse and by keyboard.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { launchBrowser, openDashboard, panelsSettled, parameters, pressTogether } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const timeText = (page) => page.textContent('.time-button span');
const firstGraph = (page) => page.waitForSelector('.grid-item .u-over');

/** The state in the URL is written when the variables are known. */
const urlWritten = (page) => page.waitForURL(/[?&]from=/);

/** Its panel's key, read at once: a graph may be drawn anew at any time. */
async function firstGraphPanel(page) {
  const found = await page.waitForFunction(() => document.querySelector('.grid-item .u-over')?.closest('.grid-item').dataset.panel);
  return found.jsonValue();
}

describe('time', () => {
  it('zooms in where a graph is dragged over, and back with the browser', async () => {
    const { page, close } = await openDashboard(browser, '?from=now-30m&to=now');
    await page.waitForURL(/var-/);
    const before = parameters(page);
    const graph = await firstGraph(page);
    await graph.scrollIntoViewIfNeeded();
    const box = await graph.boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 6 });
    await page.mouse.up();
    await page.waitForURL(/from=20\d\d-/);
    const { from, to } = parameters(page);
    const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
    assert.ok(seconds > 1800 * 0.2 && seconds < 1800 * 0.4, `dragged over 30 % of 30 minutes, got ${seconds} s`);
    await panelsSettled(page);
    await page.goBack();
    await page.waitForURL((url) => url.searchParams.get('from') === before.from);
    assert.deepEqual(parameters(page), before);
    assert.equal(await timeText(page), 'Last 30 minutes');
    await panelsSettled(page);
    await page.goForward();
    await page.waitForURL(/from=20\d\d-/);
    await close();
  });

  it('takes what is typed, and says what cannot be read', async () => {
    const { page, close } = await openDashboard(browser);
    await page.click('.time-button');
    await page.fill('[data-first]', 'last tuesday');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.field-error:not([hidden])');
    assert.equal(await page.getAttribute('[data-first]', 'aria-invalid'), 'true');
    await page.fill('[data-first]', 'now-47m');
    await page.keyboard.press('Enter');
    await page.waitForURL(/from=now-47m/);
    assert.equal(await timeText(page), 'Last 47 minutes');
    await panelsSettled(page);
    // It is remembered.
    await page.click('.time-button');
    await page.waitForSelector('.time-absolute .range-button:has-text("Last 47 minutes")');
    await page.click('.time-quick .range-button:has-text("Last 5 minutes")');
    await page.waitForURL(/from=now-5m/);
    await close();
  });

  it('zooms out and moves by keyboard', async () => {
    const { page, close } = await openDashboard(browser, '?from=2026-01-01T10:00:00.000Z&to=2026-01-01T11:00:00.000Z');
    for (const [keys, from, to] of [
      [['t', 'z'], '2026-01-01T09:30:00.000Z', '2026-01-01T11:30:00.000Z'],
      [['t', 'ArrowLeft'], '2026-01-01T08:30:00.000Z', '2026-01-01T10:30:00.000Z'],
      [['t', 'ArrowRight'], '2026-01-01T09:30:00.000Z', '2026-01-01T11:30:00.000Z'],
    ]) {
      await pressTogether(page, keys);
      await page.waitForFunction((wanted) => new URLSearchParams(location.search).get('from') === wanted, from);
      assert.equal(parameters(page).to, to);
    }
    await close();
  });

  it('shows times in UTC when asked to', async () => {
    const { page, close } = await openDashboard(browser, '', { context: { timezoneId: 'Asia/Tokyo' } });
    await page.click('.time-button');
    await page.selectOption('.zone-field select', 'utc');
    await page.waitForURL(/timezone=utc/);
    assert.equal(await page.textContent('.time-zone'), 'UTC');
    await close();
  });
});

describe('variables', () => {
  it('change the queries and the URL, and come back with the browser', async () => {
    const { page, close } = await openDashboard(browser);
    await urlWritten(page);
    const before = parameters(page);
    await page.click('[data-variable="job"] button');
    const option = page.locator('[role=option]:not([data-value="$__all"])').first();
    const value = await option.getAttribute('data-value');
    await option.click();
    const asked = page.waitForRequest((request) => decodeURIComponent(request.url() + (request.postData() ?? '')).includes(`job=~"${value}"`));
    await page.keyboard.press('Escape');
    await page.waitForFunction((wanted) => new URLSearchParams(location.search).get('var-job') === wanted, value);
    await asked;
    assert.equal(await page.textContent('[data-variable="job"] .variable-value'), value);
    await page.goBack();
    await page.waitForFunction((wanted) => new URLSearchParams(location.search).get('var-job') === wanted, before['var-job']);
    await page.waitForSelector('[data-variable="job"] .variable-value:has-text("All")');
    await close();
  });

  it('are taken from the URL', async () => {
    const { page, close } = await openDashboard(browser, '?var-job=nothing-has-this-name&from=now-15m&to=now&refresh=5m');
    await page.waitForSelector('.time-button:has-text("Last 15 minutes")');
    assert.equal(await page.textContent('[data-variable="job"] .variable-value'), 'nothing-has-this-name');
    assert.equal(await page.textContent('[aria-label="Refresh interval 5m"] span'), '5m');
    await close();
  });
});

describe('one panel', () => {
  it('fills the page and gives it back', async () => {
    const { page, close } = await openDashboard(browser);
    const panel = await firstGraphPanel(page);
    const small = await page.locator(`[data-panel="${panel}"]`).boundingBox();
    await page.hover(`[data-panel="${panel}"]`);
    await page.keyboard.press('v');
    await page.waitForURL(new RegExp(`viewPanel=${panel}`));
    await panelsSettled(page);
    const large = await page.locator(`[data-panel="${panel}"]`).boundingBox();
    assert.ok(large.width >= small.width && large.height > small.height, 'it is larger');
    assert.equal(await page.locator('.grid-item:visible').count(), 1);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !location.search.includes('viewPanel'));
    await page.goBack();
    await page.waitForURL(/viewPanel=/);
    await page.waitForSelector('.grid.viewing');
    // The address alone leads to it too.
    await page.reload();
    await panelsSettled(page);
    assert.equal(await page.locator('.grid-item:visible').count(), 1);
    await close();
  });

  it('shows its query, its answer and its data', async () => {
    const { page, close } = await openDashboard(browser);
    const panel = await firstGraphPanel(page);
    await page.hover(`[data-panel="${panel}"]`);
    await page.click(`[data-panel="${panel}"] .panel-menu-button`);
    await page.click('[role=menuitem]:has-text("Inspect query")');
    const expression = await page.textContent('.trace .expression');
    assert.ok(expression.length > 0 && !expression.includes('$'), `variables are filled in: ${expression}`);
    await page.click('.trace summary');
    assert.match(await page.textContent('.trace .raw'), /"status": "success"/);
    await page.click('[data-tab=data]');
    assert.ok((await page.locator('.data-table tbody tr').count()) > 0);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await close();
  });
});

describe('the page', () => {
  it('changes its theme and remembers it', async () => {
    const { page, close } = await openDashboard(browser);
    assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
    await pressTogether(page, ['d', 't']);
    await page.waitForSelector('html[data-theme=light]');
    await panelsSettled(page);
    await page.reload();
    await page.waitForSelector('html[data-theme=light]');
    await close();
  });

  it('hides its bars and shows them again', async () => {
    const { page, close } = await openDashboard(browser, '?kiosk');
    assert.equal(await page.isVisible('.top'), false);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.top', { state: 'visible' });
    await close();
  });

  it('loads every panel, on white, before it prints', async () => {
    const { page, close } = await openDashboard(browser, '?refresh=off');
    await page.evaluate(() => {
      window.print = () => {
        window.printed = {
          theme: document.documentElement.dataset.theme,
          waiting: document.querySelectorAll('.grid-item[data-state=waiting]').length,
        };
      };
    });
    await page.click('.toolbar [aria-label=More]');
    await page.click('[role=menuitem]:has-text("Print")');
    await page.waitForFunction(() => window.printed);
    assert.deepEqual(await page.evaluate(() => window.printed), { theme: 'light', waiting: 0 });
    await page.waitForSelector('html[data-theme=dark]');
    await close();
  });

  it('closes and opens rows', async () => {
    const { page, close } = await openDashboard(browser);
    const all = await page.locator('.grid-item').count();
    await page.locator('.row-button').first().click();
    assert.ok((await page.locator('.grid-item').count()) < all);
    await page.locator('.row-button').first().press('Enter');
    assert.equal(await page.locator('.grid-item').count(), all);
    await close();
  });

  it('finds dashboards and pages by keyboard', async () => {
    const { page, close } = await openDashboard(browser);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('targ');
    await page.waitForSelector('[role=option][aria-selected=true]:has-text("Targets")');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/targets$/);
    await page.goBack();
    await panelsSettled(page);
    await page.keyboard.press('?');
    await page.waitForSelector('dialog.help');
    await close();
  });

  it('follows its links within the site', async () => {
    const { page, close } = await openDashboard(browser);
    await page.locator('.dashboard-links button').first().click();
    const entry = page.locator('[role=menuitem]').first();
    const href = await entry.getAttribute('href');
    assert.match(href, /^\/dashboards\/[^?]+\?from=.*var-/, 'it carries time and variables');
    await entry.click();
    await page.waitForURL((url) => url.pathname === href.split('?')[0]);
    await panelsSettled(page);
    await close();
  });

  it('refreshes by itself, but not while its tab is hidden', async () => {
    let queries = 0;
    const { page, close } = await openDashboard(browser, '?refresh=1s', {
      prepare: (opened) => opened.on('request', (request) => {
        if (request.url().includes('/query/prometheus/query')) queries += 1;
      }),
    });
    const setHidden = (hidden) => page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    const more = () => page.waitForRequest((request) => request.url().includes('/query/prometheus/query'));
    await more();
    await setHidden(true);
    // What was under way may still be asked.
    await panelsSettled(page);
    await page.waitForTimeout(500);
    const before = queries;
    // The shortest interval is five seconds, whatever the URL says.
    await page.waitForTimeout(6000);
    assert.equal(queries, before, 'a hidden tab asks nothing');
    const asked = more();
    await setHidden(false);
    await asked;
    await close();
  });

  it('loads panels only as they come into view', async () => {
    const queries = [];
    const { page, close } = await openDashboard(browser, '', {
      prepare: (opened) => opened.on('request', (request) => request.url().includes('/query/prometheus/query') && queries.push(request.url())),
    });
    const waiting = await page.locator('.grid-item[data-state=waiting]').count();
    assert.ok(waiting > 0, 'what is far below waits');
    const before = queries.length;
    await page.locator('.grid-item').last().scrollIntoViewIfNeeded();
    await panelsSettled(page);
    assert.ok(queries.length > before);
    await close();
  });
});
