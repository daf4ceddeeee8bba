// The pages of targets, rules, alerts and dashboards say what Prometheus says.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { changedInfo, dashboards, launchBrowser, openPage, siteUrl } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

async function prometheus(path) {
  return (await (await fetch(`${siteUrl}/api/v1/query/prometheus/${path}`)).json()).data;
}

describe('the list of dashboards', () => {
  it('has all, finds by words and tags, and opens by keyboard', async () => {
    const items = await dashboards();
    const { page, close } = await openPage(browser, '/dashboards');
    await page.waitForSelector('.dashboard-row');
    assert.equal(await page.locator('.dashboard-row').count(), items.length);
    assert.equal(await page.locator('.badge:has-text("Home")').count(), items.filter((item) => item.home).length);
    const last = items[items.length - 1];
    await page.fill('input[type=search]', last.title);
    assert.equal(await page.locator('.dashboard-row').first().getAttribute('href'), `/dashboards/${last.uid}`);
    assert.match(page.url(), /query=/);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(`/dashboards/${last.uid}`));
    await close();
  });
});

describe('targets', () => {
  it('are all there with their state, and can be filtered', async () => {
    const { activeTargets } = await prometheus('targets?state=active');
    const { page, close } = await openPage(browser, '/targets');
    await page.waitForSelector('.group');
    assert.equal(await page.locator('.targets-table tbody tr').count(), activeTargets.length);
    const endpoints = await page.locator('.endpoint').allTextContents();
    assert.deepEqual(endpoints.sort(), activeTargets.map((target) => target.scrapeUrl).sort());
    const [first] = activeTargets;
    await page.fill('input[type=search]', `job="${first.labels.job}"`);
    const same = activeTargets.filter((target) => target.labels.job === first.labels.job);
    assert.equal(await page.locator('.targets-table tbody tr').count(), same.length);
    await page.fill('input[type=search]', 'no target has this');
    await page.waitForSelector('.empty:has-text("Nothing matches")');
    await close();
  });
});

describe('rules', () => {
  it('are all there with their expressions, and groups stay closed over a reload of the data', async () => {
    const { groups } = await prometheus('rules');
    const { page, close } = await openPage(browser, '/rules');
    await page.waitForSelector('.rule');
    const rules = groups.flatMap((group) => group.rules);
    assert.deepEqual((await page.locator('.rule h3').allTextContents()).sort(), rules.map((rule) => rule.name).sort());
    assert.deepEqual((await page.locator('.rule .expression').allTextContents()).sort(), rules.map((rule) => rule.query).sort());
    await page.locator('.group > summary').first().click();
    const answer = page.waitForResponse(/prometheus\/rules/);
    await page.keyboard.press('r');
    await answer;
    await page.waitForFunction(() => document.querySelector('.group')?.open === false);
    await close();
  });
});

describe('alerts', () => {
  it('have every alert rule and filter by state', async () => {
    const { groups } = await prometheus('rules');
    const rules = groups.flatMap((group) => group.rules).filter((rule) => rule.type === 'alerting');
    const { page, close } = await openPage(browser, '/alerts');
    await page.waitForSelector('.group');
    assert.deepEqual((await page.locator('.group-summary strong').allTextContents()).sort(), rules.map((rule) => rule.name).sort());
    await page.click('.chip:has-text("Inactive")');
    assert.match(page.url(), /state=inactive/);
    assert.equal(await page.locator('.group').count(), rules.filter((rule) => rule.state === 'inactive').length);
    await close();
  });

  it('show what fires with its labels, text, value and runbook', async () => {
    const firing = {
      groups: [{
        name: 'g', file: '/rules/g.yml', interval: 15, evaluationTime: 0.001, lastEvaluation: new Date().toISOString(),
        rules: [{
          type: 'alerting', name: 'DiskFull', query: 'disk > 0.9', duration: 60, labels: { severity: 'critical' }, state: 'firing', health: 'ok', evaluationTime: 0.001, lastEvaluation: new Date().toISOString(),
          annotations: { summary: 'A disk is full', runbook_url: 'javascript:alert(1)' },
          alerts: [{
            state: 'firing', value: '9.3e-01', activeAt: new Date(Date.now() - 9_005_000).toISOString(), labels: { alertname: 'DiskFull', device: '<b>sda</b>' },
            annotations: { description: 'Disk sda is 93 % full', runbook_url: 'https://example.org/runbook', dashboard_url: 'http://localhost:3000/d/backend-overview?var-job=a' },
          }],
        }],
      }],
    };
    const { page, close } = await openPage(browser, '/alerts', {
      prepare: (opened) => opened.route('**/api/v1/query/prometheus/rules*', (route) => route.fulfill({ json: { status: 'success', data: firing } })),
    });
    await page.waitForSelector('.state-firing');
    const text = await page.textContent('.listing');
    for (const part of ['DiskFull', 'A disk is full', 'Disk sda is 93 % full', '<b>sda</b>', '0.93', '2h 30m ago']) assert.ok(text.includes(part), `“${part}” in ${text}`);
    assert.equal(await page.getAttribute('.alert-links a:has-text("Runbook")', 'href'), 'https://example.org/runbook');
    assert.equal(await page.getAttribute('.alert-links a:has-text("Dashboard")', 'href'), '/dashboards/backend-overview?var-job=a');
    await close();
  });
});

describe('the bar at the top', () => {
  for (const width of [360, 390, 780, 900, 1010]) {
    it(`fits a screen of ${width} pixels, with all pages in it`, async () => {
      const { page, close } = await openPage(browser, '/runbook', {
        context: { viewport: { width, height: 800 } },
        prepare: (opened) => changedInfo(opened, (info) => {
          info.grafana_url = 'https://grafana.invalid';
        }),
      });
      await page.waitForSelector('.runbook h2');
      await page.waitForSelector('.bottom .outside-link');
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      const links = await page.locator('.top-pages a').evaluateAll((all) => all.map((link) => [link.textContent, link.getBoundingClientRect().right <= innerWidth]));
      assert.deepEqual(links, ['Dashboards', 'Runbook', 'Targets', 'Rules', 'Firing alerts'].map((name) => [name, true]));
      await close();
    });
  }
});

describe('links to the programs themselves', () => {
  for (const [path, name] of [['/targets', 'Prometheus'], ['/rules', 'Prometheus'], ['/alerts', 'Alertmanager']]) {
    const addresses = { prometheus_url: null, alertmanager_url: null };
    const field = `${name.toLowerCase()}_url`;

    it(`of ${path} lead to ${name} where its address is set`, async () => {
      const { page, close } = await openPage(browser, path, { prepare: (opened) => changedInfo(opened, (info) => Object.assign(info, addresses, { [field]: 'https://outside.invalid/base' })) });
      const link = page.locator('.page-header .outside-link');
      await link.waitFor();
      assert.deepEqual([await link.textContent(), await link.getAttribute('href'), await link.getAttribute('target')], [name, 'https://outside.invalid/base', '_blank']);
      await close();
    });

    it(`of ${path} are left out where it is not`, async () => {
      const other = field === 'prometheus_url' ? 'alertmanager_url' : 'prometheus_url';
      const { page, close } = await openPage(browser, path, { prepare: (opened) => changedInfo(opened, (info) => Object.assign(info, addresses, { [other]: 'https://outside.invalid/base' })) });
      await page.waitForSelector('.group');
      assert.equal(await page.locator('.page-header a').count(), 0);
      await close();
    });
  }
});

describe('the runbook', () => {
  it('has a section for every alert rule, which the pages link to', async () => {
    const { groups } = await prometheus('rules');
    const rules = groups.flatMap((group) => group.rules).filter((rule) => rule.type === 'alerting');
    const expected = [...new Set(rules.map((rule) => rule.annotations.runbook_url.replace('docs/runbook.md', '/runbook')))].sort();
    assert.ok(expected.length > 0 && expected.every((href) => /^\/runbook#\w/.test(href)), expected.join());
    for (const path of ['/alerts', '/rules']) {
      const { page, close } = await openPage(browser, path);
      await page.waitForSelector('.group');
      const hrefs = await page.locator('.alert-links a:has-text("Runbook")').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
      assert.deepEqual([...new Set(hrefs)].sort(), expected, path);
      await close();
    }
    const { page, close } = await openPage(browser, '/runbook');
    await page.waitForSelector('.runbook h2');
    const ids = new Set(await page.locator('.runbook :is(h1, h2, h3)').evaluateAll((headings) => headings.map(({ id }) => id)));
    assert.deepEqual(expected.filter((href) => !ids.has(href.split('#')[1])), [], 'anchors that no heading has');
    await close();
  });

  it('opens at the section that a link names, by the mouse, by its address and by its own links', async () => {
    const { page, close } = await openPage(browser, '/alerts');
    const inView = (id) => page.waitForFunction((wanted) => {
      const { top, bottom } = document.getElementById(wanted)?.getBoundingClientRect() ?? {};
      return document.activeElement?.id === wanted && top >= document.querySelector('.top').getBoundingClientRect().bottom && bottom <= innerHeight;
    }, id);
    await page.click('.group:has-text("DiskSpaceLow") > summary');
    await page.click('.group:has-text("DiskSpaceLow") .alert-links a:has-text("Runbook")');
    await page.waitForURL(/\/runbook#diskspacelow$/);
    await inView('diskspacelow');
    assert.equal(await page.getAttribute('.top-pages a[aria-current]', 'href'), '/runbook');
    await page.reload();
    await inView('diskspacelow');
    await page.hover('#serviceunreachable');
    await page.click('#serviceunreachable .heading-link');
    await page.waitForURL(/\/runbook#serviceunreachable$/);
    await inView('serviceunreachable');
    // Going back shows the page as it was left.
    await page.goBack();
    await page.waitForURL(/\/runbook#diskspacelow$/);
    assert.ok((await page.locator('.runbook h2').count()) > 10);
    await close();
  });

  it('is shown as it is, with no link to what is not served', async () => {
    const source = await (await fetch(`${siteUrl}/viewer/runbook.md`)).text();
    const { page, close } = await openPage(browser, '/dashboards');
    await page.click('.top-pages a:has-text("Runbook")');
    await page.waitForSelector('.runbook h2');
    const headings = [...source.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)].map(([, text]) => text);
    assert.deepEqual((await page.locator('.runbook :is(h1, h2, h3, h4)').allTextContents()).map((text) => text.replace(/ #$/, '')), headings);
    const hrefs = await page.locator('.runbook a').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    assert.deepEqual(hrefs.filter((href) => !/^(#|https?:\/\/)/.test(href)), []);
    await close();
  });
});
