import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DashboardLink } from '../../src/dashboard';
import { addParameters, resolveLink, translateUrl } from '../../src/app/links';
import { readRoute } from '../../src/app/routes';

const dashboards = [
  { uid: 'overview', title: 'Overview', description: '', tags: ['belfry', 'backend'], home: true },
  { uid: 'http', title: 'HTTP', description: '', tags: ['belfry'], home: false },
  { uid: 'other', title: 'Other', description: '', tags: [], home: false },
];
const alone = { grafanaUrl: null, dashboards };
const beside = { grafanaUrl: 'https://grafana.example/sub/', dashboards };
const state = { time: [['from', 'now-1h'], ['to', 'now']] as [string, string][], variables: [['var-job', 'a'], ['var-job', 'b']] as [string, string][] };

describe('paths of Grafana', () => {
  const cases: [string, string][] = [
    ['/d/overview', '/dashboards/overview'],
    ['/d/overview/some-title?var-job=a#x', '/dashboards/overview?var-job=a#x'],
    ['d/overview', '/dashboards/overview'],
    ['/alerting/list', '/alerts'],
    ['/alerting/grafana/abc/view', '/alerts'],
    ['/dashboards', '/dashboards'],
    ['/dashboards/', '/dashboards'],
    ['/dashboards?tag=belfry', '/dashboards?tag=belfry'],
    ['/targets', '/targets'],
    ['?viewPanel=7', '?viewPanel=7'],
  ];
  for (const [from, to] of cases) {
    it(`${from} is ${to}`, () => assert.deepEqual(translateUrl(from, alone), { href: to, external: false }));
  }

  it('lead to Grafana where only it has the page', () => {
    assert.deepEqual(translateUrl('/explore?left=1', beside), { href: 'https://grafana.example/sub/explore?left=1', external: true });
    assert.deepEqual(translateUrl('/d/unknown/x?a=1', beside), { href: 'https://grafana.example/sub/d/unknown/x?a=1', external: true });
  });

  it('are left out with a reason where Grafana is unknown', () => {
    assert.match(translateUrl('/explore', alone).reason ?? '', /Explore is part of Grafana/);
    assert.match(translateUrl('/d/unknown', alone).reason ?? '', /“unknown”/);
    assert.match(translateUrl('', alone).reason ?? '', /no address/);
  });

  it('keep other sites, but only of http and https', () => {
    assert.deepEqual(translateUrl('https://example.org/a?b', alone), { href: 'https://example.org/a?b', external: true });
    for (const url of ['javascript:alert(1)', ' JavaScript:alert(1)', 'data:text/html,x', '//example.org/x', 'vbscript:x']) {
      assert.equal(translateUrl(url, beside).href, undefined, url);
    }
  });
});

describe('links of a dashboard', () => {
  const resolve = (link: Partial<DashboardLink>, targets = alone) =>
    resolveLink({ title: 'Link', type: 'link', ...link }, state, targets, (text) => text.replace('$job', 'a'), 'overview');

  it('carry time and variables along only where they ask for it', () => {
    assert.equal(resolve({ url: '/d/http' }).href, '/dashboards/http');
    assert.equal(resolve({ url: '/d/http', keepTime: true }).href, '/dashboards/http?from=now-1h&to=now');
    assert.equal(resolve({ url: '/d/http?x=1#end', keepTime: true, includeVars: true }).href, '/dashboards/http?x=1&from=now-1h&to=now&var-job=a&var-job=b#end');
  });

  it('do not override what the URL says itself', () => {
    assert.equal(addParameters('/d/x?var-job=c', state.variables), '/d/x?var-job=c');
  });

  it('keep what follows a second question mark', () => {
    assert.equal(addParameters('/d/x?query=a?b&c=d#e', state.time), '/d/x?query=a%3Fb&c=d&from=now-1h&to=now#e');
    assert.equal(addParameters('/d/x', []), '/d/x');
  });

  it('have variables filled in', () => {
    assert.equal(resolve({ url: '/d/http?var-job=$job', title: 'Of $job' }).href, '/dashboards/http?var-job=a');
    assert.equal(resolve({ url: '/d/http', title: 'Of $job' }).title, 'Of a');
  });

  it('list dashboards that have every tag, without this one', () => {
    const link = resolve({ type: 'dashboards', tags: ['belfry'], asDropdown: true, keepTime: true });
    assert.deepEqual(link.entries, [{ title: 'HTTP', href: '/dashboards/http?from=now-1h&to=now' }]);
    assert.equal(link.asDropdown, true);
    assert.deepEqual(resolve({ type: 'dashboards', tags: ['belfry', 'none'] }).entries, []);
  });
});

describe('routes', () => {
  it('are read from the path', () => {
    assert.deepEqual(readRoute('/'), { name: 'dashboards' });
    assert.deepEqual(readRoute('/dashboards/'), { name: 'dashboards' });
    assert.deepEqual(readRoute('/dashboards/a%20b'), { name: 'dashboard', uid: 'a b' });
    assert.deepEqual(readRoute('/alerts'), { name: 'alerts' });
    assert.deepEqual(readRoute('/dashboards/a/b'), { name: 'not-found', path: '/dashboards/a/b' });
    assert.deepEqual(readRoute('/dashboards/%'), { name: 'not-found', path: '/dashboards/%' });
  });
});
