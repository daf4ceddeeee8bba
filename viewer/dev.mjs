// Serves dist/ and the routes of the backend that the pages use, from a Prometheus (and Loki, Alertmanager) directly.
// For work on the viewer without the backend: no limits, no checks, loopback only.
//   PROMETHEUS_URL=http://127.0.0.1:9090 [LOKI_URL=…] [ALERTMANAGER_URL=…] [PORT=4173] [DASHBOARDS=../dashboards] npm run dev
import { createServer } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
const dashboards = path.resolve(root, process.env.DASHBOARDS ?? '../dashboards');
const sources = {
  prometheus: { base: process.env.PROMETHEUS_URL, prefix: '/api/v1/', variable: 'PROMETHEUS_URL' },
  loki: { base: process.env.LOKI_URL, prefix: '/loki/api/v1/', variable: 'LOKI_URL' },
  alertmanager: { base: process.env.ALERTMANAGER_URL, prefix: '/api/v2/', variable: 'ALERTMANAGER_URL' },
};
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html', '.txt': 'text/plain' };

function send(response, status, body, headers = {}) {
  const json = typeof body === 'object' && !Buffer.isBuffer(body);
  response.writeHead(status, { 'content-type': json ? 'application/json' : 'text/plain', ...headers });
  response.end(json ? JSON.stringify(body) : body);
}

function problem(response, status, code, detail) {
  send(response, status, { type: 'about:blank', title: code, status, code, detail }, { 'content-type': 'application/problem+json' });
}

async function readDashboards() {
  const files = (await readdir(dashboards)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(files.map(async (file) => JSON.parse(await readFile(path.join(dashboards, file), 'utf8'))));
}

async function proxy(request, response, name, rest, search) {
  const { base, prefix, variable } = sources[name];
  if (!base) return problem(response, 404, 'query_source_unconfigured', `No address of ${name} is set. Start with ${variable}=http://127.0.0.1:….`);
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const aborted = new AbortController();
  response.on('close', () => aborted.abort());
  try {
    const answer = await fetch(base.replace(/\/$/, '') + prefix + rest + search, {
      method: request.method,
      signal: aborted.signal,
      ...(chunks.length > 0 ? { body: Buffer.concat(chunks), headers: { 'content-type': 'application/x-www-form-urlencoded' } } : {}),
    });
    send(response, answer.status, Buffer.from(await answer.arrayBuffer()), { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
  } catch (error) {
    if (!response.destroyed) problem(response, 502, 'query_source_unreachable', `${name} at ${base} does not answer: ${error.cause?.message ?? error.message}`);
  }
}

function viewerInfo() {
  const known = ([name, { base, variable }]) => [name, { configured: Boolean(base), hint: `Start the development server with ${variable} set.` }];
  return {
    version: 'development',
    service: 'belfry',
    environment: 'development',
    metrics_enabled: true,
    scrape_interval_seconds: Number(process.env.SCRAPE_SECONDS ?? 15),
    query_deadline_seconds: 33,
    max_query_points: 11_000,
    grafana_url: null,
    prometheus_url: sources.prometheus.base ?? null,
    alertmanager_url: sources.alertmanager.base ?? null,
    sources: Object.fromEntries(Object.entries(sources).map(known)),
  };
}

async function route(request, response) {
  const { pathname, search } = new URL(request.url, 'http://localhost');
  const query = /^\/api\/v1\/query\/(prometheus|loki|alertmanager)\/(.+)$/.exec(pathname);
  if (query) return proxy(request, response, query[1], query[2], search);
  if (pathname === '/api/v1/viewer') return send(response, 200, viewerInfo());
  if (pathname === '/api/v1/dashboards') {
    const items = (await readDashboards()).map(({ uid, title, description = '', tags = [] }, index) => ({ uid, title, description, tags, home: index === 0 }));
    return send(response, 200, { items, faults: [] });
  }
  const one = /^\/api\/v1\/dashboards\/([^/]+)$/.exec(pathname);
  if (one) {
    const found = (await readDashboards()).find(({ uid }) => uid === decodeURIComponent(one[1]));
    return found ? send(response, 200, found) : problem(response, 404, 'dashboard_not_found', `There is no dashboard ${one[1]}.`);
  }
  if (pathname === '/') return send(response, 302, '', { location: `/dashboards/${(await readDashboards())[0].uid}` });
  if (/^\/dashboards\/[^/]+$/.test(pathname)) return sendFile(response, 'dashboard.html');
  if (/^\/(dashboards|targets|rules|alerts|runbook)$/.test(pathname)) return sendFile(response, 'index.html');
  if (pathname === '/viewer/runbook.md') return send(response, 200, await readFile(path.join(root, '../docs/runbook.md'), 'utf8'));
  const asset = /^\/viewer\/([\w.-]+)$/.exec(pathname);
  if (asset) return sendFile(response, asset[1]);
  return problem(response, 404, 'not_found', `Nothing is served at ${pathname}.`);
}

async function sendFile(response, name) {
  try {
    const content = await readFile(path.join(root, 'dist', name));
    send(response, 200, content, { 'content-type': `${types[path.extname(name)] ?? 'application/octet-stream'}; charset=utf-8`, 'content-security-policy': policy });
  } catch {
    problem(response, 404, 'not_found', `dist/${name} does not exist; run npm run build.`);
  }
}

const server = createServer((request, response) => {
  route(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) problem(response, 500, 'internal_error', error.message);
  });
});
server.listen(Number(process.env.PORT ?? 4173), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/dashboards`));
