// Serves the gallery under the Content-Security-Policy of the backend, or takes its pictures:
//   node gallery/gallery.mjs                    serve at http://127.0.0.1:4174
//   node gallery/gallery.mjs --pictures FOLDER  both themes as PNG; fails on an error in the page or a violation of the policy
import { createServer } from 'node:http';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { browserOptions } from '../bundle.mjs';
import { launchBrowser } from '../tests/chromium.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const types = { '.js': 'text/javascript', '.css': 'text/css' };
const page = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Gallery</title><link rel="stylesheet" href="/viewer/gallery.css"></head><body><script type="module" src="/viewer/gallery.js"></script></body></html>';

const alerts = {
  data: {
    groups: [
      {
        name: 'belfry',
        rules: [
          { type: 'alerting', name: 'HighErrorRate', state: 'firing', labels: { severity: 'critical' }, annotations: {}, alerts: [{ state: 'firing', labels: { alertname: 'HighErrorRate', severity: 'critical', job: 'belfry' }, annotations: { summary: 'Many requests fail', description: '7 % of requests failed in the last five minutes.', runbook_url: 'https://example.org/runbook' }, activeAt: new Date(Date.now() - 754_000).toISOString() }] },
          { type: 'alerting', name: 'SlowRequests', state: 'pending', labels: {}, annotations: {}, alerts: [{ state: 'pending', labels: { alertname: 'SlowRequests', severity: 'warning' }, annotations: { description: 'p99 is above 1 s.' }, activeAt: new Date(Date.now() - 34_000).toISOString() }] },
          { type: 'alerting', name: 'TargetDown', state: 'inactive', health: 'ok', labels: { severity: 'critical' }, annotations: {}, alerts: [] },
        ],
      },
    ],
  },
};

const silenced = [{ labels: { alertname: 'SlowRequests', severity: 'warning' }, status: { state: 'suppressed' } }];

export async function serveGallery(port = 0) {
  const { outputFiles } = await build({ ...browserOptions(root), entryPoints: ['gallery/gallery.ts'], entryNames: '[name]', minify: false, write: false });
  const files = new Map(outputFiles.map((file) => [`/viewer/${path.basename(file.path)}`, Buffer.from(file.contents)]));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = files.get(pathname);
    if (file) {
      response.writeHead(200, { 'content-type': types[path.extname(pathname)] ?? 'application/octet-stream' }).end(file);
    } else if (pathname === '/api/v1/query/prometheus/rules') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(alerts));
    } else if (pathname === '/api/v1/viewer') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sources: { alertmanager: { configured: true } } }));
    } else if (pathname === '/api/v1/query/alertmanager/alerts') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(silenced));
    } else if (pathname === '/') {
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy }).end(page);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

async function takePictures(folder) {
  const { server, address } = await serveGallery();
  const browser = await launchBrowser();
  await mkdir(folder, { recursive: true });
  const faults = [];
  try {
    for (const theme of ['dark', 'light']) {
      const view = await browser.newPage({ viewport: { width: 1540, height: 1000 } });
      view.on('pageerror', (error) => faults.push(`${theme}: ${error.stack}`));
      view.on('console', (message) => message.type() === 'error' && !message.text().includes('404') && faults.push(`${theme}: ${message.text()}`));
      await view.goto(`${address}?theme=${theme}`);
      await view.waitForFunction(() => window.gallery?.done, undefined, { timeout: 20_000 }).catch((error) => faults.push(String(error)));
      await view.waitForTimeout(500);
      faults.push(...(await view.evaluate(() => window.gallery.violations)).map((text) => `${theme}: ${text}`));
      await view.screenshot({ path: path.join(folder, `${theme}.png`), fullPage: true });
    }
  } finally {
    await browser.close();
    server.close();
  }
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const place = process.argv.indexOf('--pictures');
  if (place > 0) {
    await takePictures(path.resolve(process.argv[place + 1] ?? 'gallery/pictures'));
  } else {
    const { address } = await serveGallery(4174);
    console.log(address);
  }
}
