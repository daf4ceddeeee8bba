// What an address may say, right or wrong: values of variables, panels, texts. Nothing is shown that was not asked for.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dashboards, launchBrowser, openDashboard, openPage, panelsSettled, parameters, siteUrl } from './browser.mjs';

let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** Serves a changed copy of a dashboard. */
async function changedDashboard(page, uid, change) {
  const json = await (await fetch(`${siteUrl}/api/v1/dashboards/${uid}`)).json();
  change(json);
  await page.route(`**/api/v1/dashboards/${uid}`, (route) => route.fulfill({ json }));
}

describe('an address', () => {
  it('with a value that a variable lacks keeps it, says so and leads back', async () => {
    const { page, close } = await openDashboard(browser, '?var-instance=nosuch&refresh=off');
    assert.match(await page.textContent('.variable-notice'), /“nosuch” is no value of Instance/);
    assert.equal(await page.textContent('[data-variable=instance] .variable-value'), 'nosuch');
    assert.equal(parameters(page)['var-instance'], 'nosuch');
    await page.click('.variable-notice .link-button');
    await page.waitForSelector('[data-variable=instance] .variable-value:has-text("All")');
    await page.waitForSelector('.variable-notice', { state: 'detached' });
    await close();
  });

  it('of a panel that is not there says so and leads back', async () => {
    const [{ uid }] = await dashboards();
    const { page, close } = await openPage(browser, `/dashboards/${uid}?viewPanel=panel-99999`);
    await page.waitForSelector('.missing-panel:has-text("no panel “99999”")');
    await page.click('.missing-panel .button');
    await panelsSettled(page);
    assert.equal(parameters(page).viewPanel, undefined);
    await close();
  });

  it('with Markdown and HTML in a value gets it shown as text', async () => {
    const [{ uid }] = await dashboards();
    const value = '# Click [here](https://evil.invalid) <b>now</b> `x` *y* javascript:alert(1)';
    const { page, close } = await openPage(browser, `/dashboards/${uid}?var-typed=${encodeURIComponent(value)}&refresh=off`, {
      prepare: (opened) => changedDashboard(opened, uid, (json) => {
        json.templating.list = [{ name: 'typed', type: 'textbox', query: '', label: 'Typed' }];
        json.annotations.list = [];
        const text = (id, content, mode) => ({ id, type: 'text', title: `t${id}`, gridPos: { x: 0, y: (id - 1) * 6, w: 24, h: 6 }, fieldConfig: { defaults: {}, overrides: [] }, options: { mode, content } });
        json.panels = [
          text(1, '$typed\n\n**${typed:raw}** and `${typed}`, [a link](/targets?x=${typed:percentencode}), [another](${typed:raw})', 'markdown'),
          text(2, '<p title="${typed}">${typed}</p>', 'html'),
        ];
      }),
    });
    const [first, second] = [page.locator('[data-panel=panel-1] .panel-text-body'), page.locator('[data-panel=panel-2] .panel-text-body')];
    await second.waitFor();
    await first.waitFor();
    assert.equal(await first.locator('p').first().textContent(), value);
    assert.equal(await first.locator('strong').textContent(), value);
    assert.equal(await first.locator('code').textContent(), value);
    assert.equal(await first.locator('h1, b, em').count(), 0);
    assert.deepEqual(await first.locator('a').evaluateAll((links) => links.map((link) => new URL(link.href).origin === location.origin)), [true, true]);
    assert.equal(await first.locator('a').first().getAttribute('href'), `/targets?x=${encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)}`);
    assert.equal(await second.locator('p').textContent(), value);
    assert.equal(await second.locator('p').getAttribute('title'), value);
    assert.equal(await second.locator('b, a').count(), 0);
    await close();
  });
});

describe('a dashboard', () => {
  it('hides sources of which there is one, and shows small numbers in pairs on phones', async () => {
    const { page, close } = await openDashboard(browser, '?refresh=off', { context: { viewport: { width: 390, height: 844 } } });
    assert.equal(await page.locator('[data-variable$=_datasource]').count(), 0);
    const boxes = await page.locator('.phone-half').evaluateAll((items) => items.slice(0, 2).map((item) => item.getBoundingClientRect().toJSON()));
    assert.equal(boxes[0].top, boxes[1].top);
    assert.ok(boxes[1].left >= boxes[0].right, 'side by side');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'nothing stands over');
    await close();
  });

  it('shows a sign in its panels while they load, and takes no room for it', async () => {
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    const items = await dashboards();
    const { page, close } = await openPage(browser, `/dashboards/${items[0].uid}?refresh=off`, {
      prepare: (opened) => opened.route('**/api/v1/query/prometheus/query*', async (route) => {
        await held;
        await route.continue();
      }),
    });
    await page.waitForSelector('.panel.loading');
    assert.notEqual(await page.locator('.panel.loading .panel-content').first().evaluate((content) => getComputedStyle(content, '::after').content), 'none');
    release();
    await panelsSettled(page);
    assert.equal(await page.locator('.grid-item[data-state=drawn] .panel-content').first().evaluate((content) => getComputedStyle(content, '::after').content), 'none');
    await close();
  });

  it('zooms out on a double click on a graph', async () => {
    const { page, close } = await openDashboard(browser, '?from=now-15m&to=now&refresh=off');
    const graph = page.locator('.u-over').first();
    await graph.scrollIntoViewIfNeeded();
    await graph.dblclick();
    await page.waitForFunction(() => !new URL(location.href).searchParams.get('from').startsWith('now'));
    const { from, to } = parameters(page);
    assert.equal(Math.round((Date.parse(to) - Date.parse(from)) / 60_000), 30);
    await close();
  });
});

describe('on paper', () => {
  it('a dashboard has whole legends and tables, and is given back as it was', async () => {
    const { page, close } = await openPage(browser, '/dashboards/http?refresh=off', { context: { viewport: { width: 1440, height: 2600 } } });
    await panelsSettled(page);
    const heights = () => page.locator('.grid-item').evaluateAll((items) => items.map((item) => item.clientHeight));
    const before = await heights();
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    const hidden = await page.locator('.grid-item[data-state=drawn] .panel-legend').evaluateAll((legends) => legends.map((legend) => legend.scrollHeight - legend.clientHeight));
    assert.ok(hidden.length > 0);
    assert.deepEqual(hidden.filter((pixels) => pixels > 1), []);
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    assert.deepEqual(await heights(), before);
    await close();
  });
});

describe('the top of the page', () => {
  it('leads home by the name of the project, and groups the pages of Prometheus', async () => {
    const items = await dashboards();
    const home = items.find((item) => item.home) ?? items[0];
    const { page, close } = await openPage(browser, '/targets');
    assert.deepEqual(await page.locator('.top-group a').allTextContents(), ['Targets', 'Rules', 'Firing alerts']);
    await page.click('.brand');
    await page.waitForURL(new RegExp(`/dashboards/${home.uid}`));
    await close();
  });

  it('lists in its help what the pointer does', async () => {
    const { page, close } = await openPage(browser, '/targets');
    await page.keyboard.press('?');
    const text = await page.textContent('dialog[open]');
    for (const words of ['Drag across a graph', 'Double click', 'in the legend', 'Ctrl or Cmd']) assert.ok(text.includes(words), words);
    await close();
  });
});
