// Every dashboard, from top to bottom, the home dashboard in both themes, and on a narrow screen: each panel draws without an
// error, and axe-core finds no serious fault.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { dashboards, launchBrowser, openPage, panelsSettled, pressTogether, seriousFaults, siteUrl } from './browser.mjs';

const items = await dashboards();
const { sources } = await (await fetch(`${siteUrl}/api/v1/viewer`)).json();
const unconfigured = Object.keys(sources).filter((name) => !sources[name].configured);
let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

/** The panels that may be empty, as `uid/id`. Which apply while the service is idle, the file says in its second half. */
const [always, withoutTraffic] = readFileSync(new URL('../../../dashboards/allowed-empty.yml', import.meta.url), 'utf8')
  .split(/^without_traffic:$/m)
  .map((text) => [...text.matchAll(/\{dashboard: ([\w-]+), panel: (\d+),/g)].map(([, uid, id]) => `${uid}/${id}`));
const idle = process.env.VIEWER_IDLE === '1';
const mayBeEmpty = new Set(idle ? [...always, ...withoutTraffic] : always);

/** Opens all rows, then goes down the page, as a reader does. */
async function readToTheEnd(page) {
  await panelsSettled(page);
  await pressTogether(page, ['d', 'E']);
  for (;;) {
    await panelsSettled(page);
    const more = await page.evaluate(() => {
      const scrolled = scrollY;
      scrollBy(0, innerHeight * 0.8);
      return scrollY > scrolled;
    });
    if (!more) break;
  }
}

async function panelStates(page) {
  return page.$$eval('.grid-item', (nodes) =>
    nodes.map((node) => ({
      panel: `${node.dataset.panel} “${node.querySelector('.panel-title')?.textContent}”`,
      state: node.dataset.state,
      message: node.dataset.state === 'error' ? node.querySelector('.panel-content')?.textContent.slice(0, 300) : '',
      empty: node.querySelector('.panel-content')?.childElementCount === 0,
      unsupported: node.querySelector('.mark-unsupported') !== null,
      // An empty panel that says in words of its own what that means is no riddle.
      noData: node.querySelector('[data-no-data]')?.textContent === 'No data',
      cutLabels: (node.querySelector('[data-panel-kind]')?.__drawn?.axes ?? []).filter(({ needed, room }) => room < needed - 1).flatMap(({ labels }) => labels),
      id: Number.parseInt(node.dataset.panel, 10),
    })));
}

for (const { uid, title, home } of items) {
  describe(title, () => {
    for (const theme of home ? ['dark', 'light'] : ['dark']) {
      it(`draws every panel in the ${theme} theme, without a serious fault`, async () => {
        const opened = await openPage(browser, `/dashboards/${encodeURIComponent(uid)}`, { context: { colorScheme: theme } });
        await panelsSettled(opened.page);
        // What is drawn while nothing happens has no other elements.
        if (!idle) assert.deepEqual(await seriousFaults(opened.page), [], 'faults by axe-core');
        await readToTheEnd(opened.page);
        const states = await panelStates(opened.page);
        assert.ok(states.length > 0, 'the dashboard has panels');
        const fine = unconfigured.length > 0 ? ['drawn', 'unconfigured'] : ['drawn'];
        assert.deepEqual(states.filter(({ state }) => !fine.includes(state)), [], 'panels with an error, or without an answer');
        assert.deepEqual(states.filter(({ empty }) => empty), [], 'panels with nothing in them');
        assert.deepEqual(states.filter(({ unsupported }) => unsupported).map(({ panel }) => panel), [], 'panels that use what the viewer does not do');
        assert.deepEqual(states.filter(({ cutLabels }) => cutLabels.length > 0), [], 'graphs whose axis is narrower than its labels');
        const undeclared = states.filter(({ noData, id }) => noData && !mayBeEmpty.has(`${uid}/${id}`));
        assert.deepEqual(undeclared.map(({ panel }) => panel), [], 'panels without data that dashboards/allowed-empty.yml does not name');
        assert.equal(await opened.page.getAttribute('html', 'data-theme'), theme);
        await opened.close();
      });
    }

    // As wide while nothing happens.
    if (idle) return;
    it('fits a narrow screen without scrolling sideways', async () => {
      const opened = await openPage(browser, `/dashboards/${encodeURIComponent(uid)}`, { context: { viewport: { width: 390, height: 844 } } });
      await panelsSettled(opened.page);
      const [width, inner] = await opened.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(width <= inner, `the page is ${width} pixels wide on a screen of ${inner}`);
      await opened.close();
    });
  });
}
