// The notice that the licences of the bundled packages ask for: name, version, licence and its full text.
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

/** Dedications to the public domain. */
const withoutNotice = new Set(['0BSD', 'CC0-1.0', 'Unlicense']);

/** Throws when a bundled package has no licence text, so that no build leaves one out. */
export async function thirdPartyNotice(root, metafile) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      const folder = packageFolder(file);
      if (folder && bytesInOutput > 0) folders.add(folder);
    }
  }
  const packages = await Promise.all([...folders].map((folder) => describe(root, folder)));
  packages.sort((a, b) => (a.title < b.title ? -1 : 1));
  const rule = '='.repeat(80);
  return [
    'The pages of the viewer contain code from the packages below.',
    '',
    ...packages.flatMap(({ title, license, texts }) => [rule, title, `Licence: ${license}`, rule, '', ...texts, '']),
  ].join('\n');
}

/** `node_modules/@grafana/data` of a path inside it, also where packages are nested. */
function packageFolder(file) {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file.replace(/^[a-z-]+:/, ''));
  return match?.[1];
}

async function describe(root, folder) {
  const { name, version, license } = JSON.parse(await readFile(path.join(root, folder, 'package.json'), 'utf8'));
  const files = (await readdir(path.join(root, folder))).filter((file) => /^(licen[cs]e|notice|copying|unlicense)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(root, folder, file), 'utf8')));
  if (texts.length === 0) {
    if (!withoutNotice.has(license)) throw new Error(`${name} ${version} (${license}) is bundled and has no licence text in ${folder}`);
    texts.push('The package comes without a licence text, and its licence asks for no notice.');
  }
  return { title: `${name} ${version}`, license, texts: texts.map((text) => text.replaceAll('\r\n', '\n').trim()) };
}
