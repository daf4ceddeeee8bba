// Fails when a package of package-lock.json, bundled or only a tool, has a licence that is not on this list.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const allowed = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
  'Zlib',
]);

/** Packages whose lock entry does not say it, or that are only run, never shipped; each with the reason. */
const exceptions = new Map([
  ['fast-shallow-equal', 'Unlicense, by its LICENSE file; not bundled'],
  ['react-universal-interface', 'Unlicense, by its README; not bundled'],
  ['axe-core', 'MPL-2.0; runs in tests and is not shipped'],
]);

/** True for an SPDX expression that the list permits: every part of AND, one part of OR. */
export function isAllowed(expression) {
  const text = expression.replace(/^\((.*)\)$/, '$1');
  if (text.includes(' OR ')) return text.split(' OR ').some(isAllowed);
  return text.split(' AND ').every((part) => allowed.has(part));
}

const root = path.dirname(fileURLToPath(import.meta.url));
const { packages } = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8'));
const refused = [];
const counts = new Map();
for (const [folder, { version, license }] of Object.entries(packages)) {
  if (folder === '') continue;
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  counts.set(license, (counts.get(license) ?? 0) + 1);
  if (exceptions.has(name) || (license && isAllowed(license))) continue;
  refused.push(`${name} ${version}: ${license ?? 'no licence named'}`);
}
for (const [license, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${String(count).padStart(4)}  ${license ?? 'not named in the lock file'}`);
for (const [name, reason] of exceptions) console.log(`excepted: ${name} (${reason})`);
if (refused.length > 0) {
  console.error(`Not on the list of allowed licences:\n  ${refused.join('\n  ')}`);
  process.exitCode = 1;
}
