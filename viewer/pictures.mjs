// Takes a picture of every dashboard and page of a site that runs, dark, for the documents:
//   npm run pictures -- --url http://127.0.0.1:8000 [--into ../docs/images] [part of a name …]
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = path.dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  options: { url: { type: 'string' }, into: { type: 'string', default: path.join(root, '../docs/images') } },
  allowPositionals: true,
});
if (!values.url) throw new Error('which site? --url http://127.0.0.1:8000');
process.env.VIEWER_URL = values.url;
const { dashboards, launchBrowser, openPage, panelsSettled } = await import('./tests/browser/browser.mjs');

/** A dashboard that is longer is cut off here. */
const largestHeight = 2000;
const range = '?from=now-15m&to=now';

const pages = [
  ...(await dashboards()).map(({ uid }) => [uid, `/dashboards/${uid}${range}`, panelsSettled]),
  ...['dashboards', 'targets', 'rules', 'alerts', 'runbook'].map((name) => [`page-${name}`, `/${name}`, async (page) => page.waitForLoadState('networkidle')]),
];
const browser = await launchBrowser();
await mkdir(values.into, { recursive: true });
try {
  for (const [name, address, settled] of pages) {
    if (positionals.length > 0 && !positionals.some((part) => name.includes(part))) continue;
    const { page, close } = await openPage(browser, address);
    await settled(page);
    // Panels load when they come into view, so the view becomes as large as the page.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ width: 1440, height: Math.min(Math.max(height, 600), largestHeight) });
    await settled(page);
    const file = path.join(values.into, `${name}.png`);
    await page.screenshot({ path: file });
    console.log(path.relative(process.cwd(), file));
    await close();
  }
} finally {
  await browser.close();
}
