// How long the home dashboard takes in a new browser, with nothing cached: until its first panel is drawn, and until all in view are.
//   npm run first-paint -- --url http://127.0.0.1:8000 [--times 9]
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { url: { type: 'string' }, times: { type: 'string', default: '9' } } });
if (!values.url) throw new Error('which site? --url http://127.0.0.1:8000');
process.env.VIEWER_URL = values.url;
const { launchBrowser, openPage, panelsSettled } = await import('./tests/browser/browser.mjs');

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const browser = await launchBrowser();
const first = [];
const all = [];
try {
  for (let time = 0; time < Number(values.times); time += 1) {
    const { page, close } = await openPage(browser, '/');
    await page.waitForFunction(() => document.querySelector('.grid-item[data-state="drawn"]'));
    first.push(await page.evaluate(() => performance.now()));
    await panelsSettled(page);
    all.push(await page.evaluate(() => performance.now()));
    await close();
  }
} finally {
  await browser.close();
}
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
console.log(`first panel: median ${seconds(median(first))}, slowest ${seconds(Math.max(...first))}; all in view: median ${seconds(median(all))}, slowest ${seconds(Math.max(...all))}`);
