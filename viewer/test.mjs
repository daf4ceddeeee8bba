// Bundles tests/**/*.test.ts for Node and runs them with its own test runner. Arguments choose files by a part of their path.
import { spawn } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { testOptions } from './bundle.mjs';

const root = path.dirname(fileURLToPath(import.meta.url));
const chosen = process.argv.slice(2);
const out = `.test/${process.pid}`;

async function testFiles(folder) {
  const entries = await readdir(path.join(root, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return testFiles(name);
      return entry.name.endsWith('.test.ts') ? [name] : [];
    }),
  );
  return found.flat();
}

const files = (await testFiles('tests')).filter((file) => chosen.length === 0 || chosen.some((part) => file.includes(part))).sort();
if (files.length === 0) throw new Error(`no file under tests/ matches ${chosen.join(', ')}`);
try {
  await build(testOptions(root, files, out));
  const bundled = files.map((file) => path.join(root, out, file.replace(/^tests\//, '').replace(/\.ts$/, '.mjs')));
  const child = spawn(process.execPath, ['--enable-source-maps', '--test', ...bundled], { stdio: 'inherit', env: { ...process.env, TZ: 'UTC', VIEWER_ROOT: root } });
  process.exitCode = await new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
} finally {
  await rm(path.join(root, out), { recursive: true, force: true });
}
