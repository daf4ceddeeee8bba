// A browser whose every complaint fails the test: console errors, exceptions, violations of the content security policy,
// requests that leave the site.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

export { launchBrowser } from '../chromium.mjs';

export const siteUrl = (process.env.VIEWER_URL ?? '').replace(/\/$/, '');
/** Machines that run tests are busy: nothing here measures speed. */
const patienceMs = 60_000;

/** A page and what it complained about. `expected` are patterns of console messages that the test provokes. */
export async function openPage(browser, path, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', colorScheme: 'dark', ...options.context,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints = [];
  const expected = options.expected ?? [];
  const complain = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(text);
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complain(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complain(`exception: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${siteUrl}/`) && !url.startsWith('data:') && !url.startsWith('blob:')) complain(`request to another site: ${url}`);
  });
  await page.exposeFunction('reportViolation', (text) => complain(`content security policy: ${text}`));
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      globalThis.reportViolation(`${event.violatedDirective} ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  await options.prepare?.(page);
  if (path !== undefined) await page.goto(siteUrl + path);
  return {
    page,
    complaints,
    async close() {
      await context.close();
      assert.deepEqual(complaints, [], 'the page must not complain');
    },
  };
}

export async function dashboards() {
  const response = await fetch(`${siteUrl}/api/v1/dashboards`);
  assert.equal(response.status, 200, 'the list of dashboards');
  const { items } = await response.json();
  assert.ok(items.length > 0, 'at least one dashboard');
  return items;
}

/** Waits until every panel in view has an answer. */
export async function panelsSettled(page) {
  await page.waitForFunction(() => {
    const items = [...document.querySelectorAll('.grid-item')].filter((item) => {
      const { top, bottom, height } = item.getBoundingClientRect();
      return height > 0 && bottom > 0 && top < innerHeight;
    });
    return items.length > 0 && items.every((item) => item.dataset.state !== 'waiting' && !item.querySelector('.panel.loading'));
  });
}

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core calls serious or critical in the page as it is, each as one line. */
export async function seriousFaults(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false, resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} (${node.any[0]?.message ?? node.all[0]?.message ?? ''})`).join(' | ')}`);
}

/** Changes what the server says of itself. */
export async function changedInfo(page, change) {
  const info = await (await fetch(`${siteUrl}/api/v1/viewer`)).json();
  change(info);
  await page.route('**/api/v1/viewer', (route) => route.fulfill({ json: info }));
}

/** Opens the home dashboard. */
export async function openDashboard(browser, query = '', options = {}) {
  const items = await dashboards();
  const { uid } = items.find(({ home }) => home) ?? items[0];
  const opened = await openPage(browser, `/dashboards/${encodeURIComponent(uid)}${query}`, options);
  await panelsSettled(opened.page);
  return opened;
}

/** Presses keys one right after the other, however long a busy page takes to hear of the first. */
export const pressTogether = (page, keys) => Promise.all(keys.map((key) => page.keyboard.press(key)));

/** The parameters of the page's URL, those that occur several times as lists. */
export function parameters(page) {
  const result = {};
  for (const [name, value] of new URL(page.url()).searchParams) {
    result[name] = name in result ? [result[name], value].flat() : value;
  }
  return result;
}
