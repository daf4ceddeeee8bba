// `npm run build [-- FOLDER]` builds dist/, or the folder, from src/: scripts and styles with names that hash their content, the HTML shell, the icon, and the
// licences of what is bundled. Two builds of the same source are byte-identical, wherever they run.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { browserOptions } from './bundle.mjs';
import { thirdPartyNotice } from './third-party.mjs';

const root = path.dirname(fileURLToPath(import.meta.url));

/** Builds into a folder, which it empties first. */
export async function buildViewer(dist = path.join(root, 'dist')) {
  const result = await build({ ...browserOptions(root), write: false, metafile: true });
  const icon = await readFile(path.join(root, 'src/icon.svg'));
  const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
  const files = new Map(result.outputFiles.map((file) => [path.basename(file.path), Buffer.from(file.contents)]));
  files.set(iconName, icon);
  const first = firstView(result.metafile);
  files.set('index.html', Buffer.from(await shell(first, first.scripts, iconName)));
  // The same page, which has the browser fetch the code of a dashboard before the script asks for it.
  files.set('dashboard.html', Buffer.from(await shell(first, first.dashboardScripts, iconName)));
  files.set('THIRD-PARTY.txt', Buffer.from(await thirdPartyNotice(root, result.metafile)));
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  for (const [name, content] of files) await writeFile(path.join(dist, name), content);
  return { metafile: result.metafile, files, first };
}

/** What a browser fetches before it can draw: the entry with its styles and static imports, and for a dashboard also that page's. */
function firstView(metafile) {
  const outputs = Object.entries(metafile.outputs);
  const [script, { cssBundle }] = outputs.find(([, output]) => output.entryPoint === 'src/main.ts');
  const [page] = outputs.find(([, output]) => output.entryPoint === 'src/app/dashboard/page.ts');
  return { script, scripts: withStaticImports(metafile, [script]), dashboardScripts: withStaticImports(metafile, [script, page]), styles: cssBundle };
}

function withStaticImports(metafile, files) {
  const found = [...files];
  for (let index = 0; index < found.length; index++) {
    for (const { path: file, kind } of metafile.outputs[found[index]].imports) {
      if (kind === 'import-statement' && !found.includes(file)) found.push(file);
    }
  }
  return found;
}

async function shell({ script, styles }, scripts, icon) {
  const address = (file) => `/viewer/${path.basename(file)}`;
  const head = [
    `<link rel="icon" type="image/svg+xml" href="${address(icon)}">`,
    ...(styles ? [`<link rel="stylesheet" href="${address(styles)}">`] : []),
    ...scripts.filter((file) => file !== script).map((file) => `<link rel="modulepreload" href="${address(file)}">`),
    `<script type="module" src="${address(script)}"></script>`,
  ];
  const template = await readFile(path.join(root, 'src/index.html'), 'utf8');
  if (!template.includes('<!-- assets -->')) throw new Error('src/index.html has no line <!-- assets -->');
  return template.replace('<!-- assets -->', head.join('\n    '));
}

function printSizes({ files, first }) {
  const names = (page, scripts) => new Set([page, ...[first.styles, ...scripts].filter(Boolean).map((file) => path.basename(file))]);
  const [start, dashboard] = [names('index.html', first.scripts), names('dashboard.html', first.dashboardScripts)];
  const totals = { 'any page': [0, 0], 'a dashboard': [0, 0] };
  for (const [name, content] of [...files].sort(([a], [b]) => a.localeCompare(b))) {
    const sizes = [content.length, gzipSync(content, { level: 9 }).length];
    console.log(`${(start.has(name) ? 'start' : dashboard.has(name) ? 'dashboard' : 'later').padEnd(10)} ${name.padEnd(30)} ${columns(sizes)}`);
    if (start.has(name)) totals['any page'] = totals['any page'].map((total, index) => total + sizes[index]);
    if (dashboard.has(name)) totals['a dashboard'] = totals['a dashboard'].map((total, index) => total + sizes[index]);
  }
  for (const [view, sizes] of Object.entries(totals)) console.log(`${`first view of ${view}`.padEnd(41)} ${columns(sizes)}   (bytes: raw, gzip)`);
}

function columns(sizes) {
  return sizes.map((bytes) => String(bytes).padStart(9)).join(' ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const dist = path.resolve(process.argv[2] ?? path.join(root, 'dist'));
  const built = await buildViewer(dist);
  printSizes(built);
  console.log(`${(await readdir(dist)).length} files in ${path.relative(process.cwd(), dist) || dist}`);
}
