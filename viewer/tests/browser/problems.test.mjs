// When something is missing or away, the page says which and what to do, and comes back by itself.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { changedInfo, dashboards, launchBrowser, openDashboard, openPage, panelsSettled, seriousFaults } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

// The browser itself writes failed requests to its console.
const failedRequest = [/Failed to load resource/];
const unreachable = {
  status: 502,
  contentType: 'application/problem+json',
  body: JSON.stringify({ code: 'query_source_unreachable', status: 502, title: 'unreachable', detail: 'Prometheus at 127.0.0.1:9090 refused the connection.' }),
};

describe('problems', () => {
  it('Prometheus away is said once, and taken back when it answers', async () => {
    let away = true;
    const { page, close } = await openDashboard(browser, '?refresh=off', {
      expected: failedRequest,
      prepare: (opened) => opened.route('**/api/v1/query/prometheus/**', (route) => (away ? route.fulfill(unreachable) : route.continue())),
    });
    await page.waitForSelector('.banner-error:has-text("Prometheus does not answer")');
    assert.match(await page.textContent('.banners'), /refused the connection/);
    assert.equal(await page.locator('.banner-error').count(), 1);
    assert.equal(await page.locator('.panel.failed').count(), 0, 'the panels are quiet');
    const panel = page.locator('.grid-item[data-state=away]').first();
    assert.equal(await panel.locator('.panel-message').textContent(), 'Prometheus does not answer. What to do');
    await panel.locator('.link-button').click();
    assert.equal(await page.evaluate(() => document.activeElement.className), 'banner banner-error');
    away = false;
    await page.keyboard.press('r');
    await page.waitForSelector('.banner-error', { state: 'detached' });
    // Also those just below the view, which are asked as well.
    await page.waitForFunction(() => document.querySelector('.panel.failed, .grid-item[data-state=away]') === null);
    await close();
  });

  it('no Prometheus configured is said with what to do', async () => {
    const { page, close } = await openPage(browser, '/dashboards', {
      prepare: (opened) => changedInfo(opened, (info) => {
        info.sources.prometheus = { configured: false, hint: 'Set the address and start again.' };
      }),
    });
    await page.waitForSelector('.banner-error:has-text("No Prometheus is configured")');
    assert.match(await page.textContent('.banners'), /Set the address and start again\./);
    await close();
  });

  it('a source that is not set up is said in its panels, without asking it', async () => {
    const asked = [];
    const { page, close } = await openDashboard(browser, '', {
      prepare: async (opened) => {
        await changedInfo(opened, (info) => {
          info.sources.prometheus = { configured: false, hint: 'set the address of Prometheus' };
        });
        await opened.route('**/api/v1/query/prometheus/query*', (route) => {
          asked.push(route.request().url());
          return route.continue();
        });
      },
    });
    const panel = page.locator('.grid-item[data-state=unconfigured]').first();
    assert.match(await panel.textContent(), /Prometheus is not configured\. What to do/);
    assert.match(await page.textContent('.banner-error'), /No Prometheus is configured.*Set the address of Prometheus\./);
    assert.deepEqual(asked.filter((url) => !/ALERTS|app_start_time_seconds/.test(url)), [], 'only annotations ask');
    await close();
  });

  it('a failed variable is said once, and its panels do not pass a failure off as a zero', async () => {
    const { page, close } = await openDashboard(browser, '?refresh=off', {
      expected: failedRequest,
      prepare: (opened) => opened.route('**/api/v1/query/prometheus/label/**', (route) =>
        route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify({ code: 'query_too_long', detail: 'time range: found 95d' }) })),
    });
    assert.deepEqual(await page.locator('.variable-failure').allTextContents(), ['Job, Instance could not be read: time range: found 95d.']);
    const panel = page.locator('.grid-item[data-state=error]').first();
    assert.match(await panel.textContent(), /The values of the variable \w+ could not be read\./);
    await close();
  });

  it('logs that are not set up are said once, and the banner that was dismissed comes back on demand', async () => {
    const { page, close } = await openPage(browser, '/dashboards/logs?refresh=off', {
      prepare: (opened) => changedInfo(opened, (info) => {
        info.sources.loki = { configured: false, hint: 'set the address of Loki' };
      }),
    });
    await page.waitForSelector('.banner-info:has-text("Loki is not configured"):has-text("Set the address of Loki.")');
    await page.click('.banner-info [aria-label=Dismiss]');
    await page.waitForSelector('.banner-info', { state: 'detached' });
    await page.reload();
    await panelsSettled(page);
    assert.equal(await page.locator('.banner-info').count(), 0, 'what was dismissed is remembered');
    await page.locator('.grid-item[data-state=unconfigured] .link-button').first().click();
    await page.waitForSelector('.banner-info');
    await page.click('.top-pages a:has-text("Targets")');
    await page.waitForSelector('.banner-info', { state: 'detached' });
    await close();
  });

  it('metrics switched off are said with what to do', async () => {
    const { page, close } = await openPage(browser, '/dashboards', {
      prepare: (opened) => changedInfo(opened, (info) => {
        info.metrics_enabled = false;
      }),
    });
    await page.waitForSelector('.banner-warning:has-text("switched off")');
    await close();
  });

  it('Grafana is linked where it runs', async () => {
    const { page, close } = await openDashboard(browser, '', {
      prepare: (opened) => changedInfo(opened, (info) => {
        info.grafana_url = 'http://grafana.invalid:3000';
      }),
    });
    assert.equal(await page.getAttribute('.top-outside a', 'href'), 'http://grafana.invalid:3000');
    await page.click('.toolbar [aria-label=More]');
    const href = await page.getAttribute('[role=menuitem]:has-text("Open in Grafana")', 'href');
    assert.match(href, /^http:\/\/grafana\.invalid:3000\/d\/[^?]+\?from=/);
    await close();
  });

  it('an unknown dashboard offers those that are there', async () => {
    const [first] = await dashboards();
    const { page, close } = await openPage(browser, '/dashboards/no-such-dashboard', { expected: failedRequest });
    await page.waitForSelector('h1:has-text("Page not found")');
    await page.click(`main a[href="/dashboards/${first.uid}"]`);
    await panelsSettled(page);
    await close();
  });

  it('an answer that never comes is given up, and leaves the rest of the page whole', async () => {
    const held = [];
    const isOfPanel = (request) => !/ALERTS|app_start_time_seconds/.test(decodeURIComponent(request.url() + (request.postData() ?? '')));
    const { page, close } = await openPage(browser, '/dashboards/http?refresh=off', {
      prepare: async (opened) => {
        await changedInfo(opened, (info) => {
          info.query_deadline_seconds = 3;
        });
        await opened.route('**/api/v1/query/prometheus/query*', (route, request) => {
          if (held.length > 0 || !isOfPanel(request)) return route.continue();
          held.push(route);
          return undefined;
        });
      },
    });
    // One panel waits, and the others do not wait for it.
    await page.waitForFunction(() => document.querySelectorAll('.panel.loading').length === 1 && document.querySelectorAll('.grid-item[data-state=drawn]').length >= 4);
    await panelsSettled(page);
    const failed = page.locator('.grid-item[data-state=error]');
    assert.equal(await failed.count(), 1);
    // The time of the server, and five seconds for the way.
    assert.match(await failed.textContent(), /Prometheus did not answer within 8 seconds\./);
    assert.equal(await page.locator('.banner').count(), 0, 'Prometheus is not said to be away');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.keyboard.press('r');
    await page.waitForSelector('.grid-item[data-state=error]', { state: 'detached' });
    await close();
  });

  it('a file that is no dashboard is named above the list', async () => {
    const detail = '<b>uid</b>: found "", expected up to 40 letters';
    const { page, close } = await openPage(browser, '/dashboards', {
      prepare: (opened) => opened.route('**/api/v1/dashboards', async (route) => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, faults: [{ file: 'mine.json', detail }, { file: '', detail: 'the folder cannot be read' }] } });
      }),
    });
    await page.waitForSelector('.dashboard-row');
    assert.equal(await page.textContent('.faults h2'), '2 files cannot be shown');
    assert.deepEqual(await page.locator('.faults li').allTextContents(), [`mine.json ${detail}`, 'the folder cannot be read']);
    assert.deepEqual(await seriousFaults(page), []);
    await page.fill('input[type=search]', 'no dashboard has this');
    assert.equal(await page.locator('.faults').count(), 1, 'whatever is searched for');
    await close();
  });
});
