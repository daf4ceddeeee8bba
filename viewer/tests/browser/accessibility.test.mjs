// axe-core finds no serious fault on any page, and the keyboard reaches what the mouse does. The dashboards are in
// dashboards.test.mjs, where they are open anyway.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dashboards, launchBrowser, openPage, panelsSettled, seriousFaults } from './browser.mjs';

const items = await dashboards();
let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

const pages = [['/dashboards', '.dashboard-row'], ['/targets', '.group'], ['/rules', '.rule'], ['/alerts', '.group'], ['/runbook', '.runbook h2']];

describe('axe-core finds no serious fault', () => {
  for (const theme of ['dark', 'light']) {
    for (const [path, ready] of pages) {
      it(`on ${path}, ${theme}`, async () => {
        const { page, close } = await openPage(browser, path, { context: { colorScheme: theme } });
        await page.waitForSelector(ready);
        assert.deepEqual(await seriousFaults(page), []);
        await close();
      });
    }
  }

  it('in what opens over a dashboard', async () => {
    const { page, close } = await openPage(browser, `/dashboards/${encodeURIComponent(items[0].uid)}?refresh=off`);
    await panelsSettled(page);
    for (const open of [
      () => page.click('.time-button'),
      () => page.click('.variable-button >> nth=0'),
      () => page.click('.toolbar [aria-label=More]'),
      () => page.keyboard.press('?'),
      () => page.keyboard.press('Control+k'),
      async () => {
        await page.locator('.grid-item .panel').first().hover();
        await page.keyboard.press('i');
      },
    ]) {
      await open();
      await page.waitForSelector('dialog[open], .popover');
      assert.deepEqual(await seriousFaults(page), []);
      await page.keyboard.press('Escape');
      await page.waitForFunction(() => !document.querySelector('dialog[open], .popover'));
    }
    await close();
  });
});

describe('the keyboard', () => {
  it('starts with a link past the bars', async () => {
    const { page, close } = await openPage(browser, `/dashboards/${encodeURIComponent(items[0].uid)}`);
    await panelsSettled(page);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip-link');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await close();
  });

  it('stays in an open dialog and returns to where it was', async () => {
    const { page, close } = await openPage(browser, '/dashboards');
    await page.waitForSelector('.dashboard-row');
    await page.focus('.search-button');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog[open]');
    const places = [];
    for (let count = 0; count < 6; count += 1) {
      await page.keyboard.press('Tab');
      // `page` is the browser's own bars, which a dialog does not keep the keyboard from.
      places.push(await page.evaluate(() => (document.querySelector('dialog').contains(document.activeElement) ? 'dialog' : document.activeElement === document.body ? 'page' : document.activeElement.outerHTML)));
    }
    assert.deepEqual([...new Set(places)].filter((place) => place !== 'page'), ['dialog'], places.join());
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.activeElement?.className === 'search-button');
    await close();
  });

  it('moves within menus and leaves them with Escape', async () => {
    const { page, close } = await openPage(browser, '/dashboards');
    await page.waitForSelector('.dashboard-row');
    await page.focus('[aria-label=Theme]');
    await page.keyboard.press('ArrowDown');
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    assert.equal(await focused(), 'As the system');
    await page.keyboard.press('ArrowDown');
    assert.equal(await focused(), 'Dark');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.equal(await focused(), 'Light');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Theme');
    await close();
  });
});
