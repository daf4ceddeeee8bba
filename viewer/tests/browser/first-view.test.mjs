// What a browser fetches of the viewer itself before a dashboard's panels are drawn: at most 300 kB compressed.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { launchBrowser, openDashboard, siteUrl } from './browser.mjs';

const limitBytes = 300_000;
const uncompressed = process.env.VIEWER_UNCOMPRESSED === '1';
let browser;
before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());

it('the first view takes at most 300 kB', async () => {
  const responses = [];
  const { page, close } = await openDashboard(browser, '', { prepare: (opened) => opened.on('response', (response) => responses.push(response)) });
  const sizes = [];
  for (const response of responses) {
    const { pathname } = new URL(response.url());
    if (!response.url().startsWith(siteUrl) || pathname.startsWith('/api/') || response.status() !== 200) continue;
    const body = await response.body();
    const encoding = (await response.allHeaders())['content-encoding'];
    if (uncompressed) sizes.push([pathname, gzipSync(body, { level: 9 }).length]);
    else {
      if (body.length > 1024 && /\.(js|css)$/.test(pathname)) assert.ok(encoding, `${pathname} is compressed`);
      sizes.push([pathname, (await response.request().sizes()).responseBodySize]);
    }
  }
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first view: ${total} bytes in ${sizes.length} files${uncompressed ? ', compressed here' : ''}`);
  assert.ok(sizes.length >= 3, 'the shell, its script and its styles');
  assert.ok(total <= limitBytes, `${total} bytes: ${JSON.stringify(sizes)}`);
  assert.ok(await page.isVisible('.toolbar'));
  await close();
});

it('a dashboard and the code that draws it are fetched side by side', async () => {
  const asked = {};
  const whenAsked = Object.fromEntries(['dashboard', 'code'].map((name) => [name, new Promise((resolve) => { asked[name] = resolve; })]));
  // Each is held back until the other is asked for: a page that waits for the one before it asks for the other is never drawn.
  const hold = (name, until) => async (route) => {
    asked[name]();
    await whenAsked[until];
    await route.continue();
  };
  const { page, close } = await openDashboard(browser, '', {
    prepare: async (opened) => {
      await opened.route('**/api/v1/dashboards/*', hold('dashboard', 'code'));
      await opened.route('**/viewer/page-*.js', hold('code', 'dashboard'));
    },
  });
  assert.ok(await page.isVisible('.toolbar'));
  await close();
});

it('what says how queries are made is asked once', async () => {
  let times = 0;
  const { close } = await openDashboard(browser, '?refresh=off', {
    prepare: (opened) => opened.on('request', (request) => {
      if (new URL(request.url()).pathname === '/api/v1/viewer') times += 1;
    }),
  });
  assert.equal(times, 1);
  await close();
});
