import './browser-globals';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headingIds } from '../../src/app/pages/heading-ids';
import { readRoute } from '../../src/app/routes';
import { translateUrl } from '../../src/app/links';
import { runbookHref } from '../../src/panels/shared/links';

describe('the runbook', () => {
  it('has the ids that GitHub gives its headings', () => {
    const headings = ['ServiceUnreachable', 'What to do, now?', 'A  b', 'x_y-z', 'Über 5 % (p95)', 'Again', 'again', 'Again', '…'];
    assert.deepEqual(headingIds(headings), ['serviceunreachable', 'what-to-do-now', 'a--b', 'x_y-z', 'über-5--p95', 'again', 'again-1', 'again-2', '']);
  });

  it('is where a rule of the project leads', () => {
    assert.equal(runbookHref('docs/runbook.md#diskspacelow'), '/runbook#diskspacelow');
    assert.equal(runbookHref('./docs/runbook.md'), '/runbook');
  });

  it('of another project is linked by its address alone', () => {
    Object.assign(globalThis, { document: { baseURI: 'http://localhost/alerts' } });
    assert.equal(runbookHref('https://example.org/runbook#a'), 'https://example.org/runbook#a');
    for (const text of ['docs/other.md', 'docs/runbook.mdx', 'other/docs/runbook.md#a', 'javascript:alert(1)', '//evil.invalid/', 'runbook']) assert.equal(runbookHref(text), undefined, text);
  });

  it('is a page of the viewer', () => {
    assert.deepEqual(readRoute('/runbook'), { name: 'runbook' });
    assert.deepEqual(translateUrl('/runbook#diskspacelow', { grafanaUrl: null }), { href: '/runbook#diskspacelow', external: false });
  });
});
