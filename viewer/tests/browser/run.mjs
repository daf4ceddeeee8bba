// Tests in a real browser against a site that runs:
//   npm run test:browser -- --url http://127.0.0.1:8000 [--uncompressed] [part of a file's name …]
// `--uncompressed` is for the development server, which does not compress: sizes are then worked out here.
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const folder = path.dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  options: { url: { type: 'string' }, uncompressed: { type: 'boolean', default: false } },
  allowPositionals: true,
});
if (!values.url) throw new Error('which site? --url http://127.0.0.1:8000');

const files = (await readdir(folder))
  .filter((file) => file.endsWith('.test.mjs'))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) throw new Error(`no file of tests matches ${positionals.join(', ')}`);

// Three at a time: each waits most of its time, and more would starve a small machine. What takes longest comes first.
const longest = ['dashboards', 'actions', 'problems'].flatMap((name) => files.filter((file) => file.startsWith(name)));
const waiting = [...new Set([...longest, ...files])];
const runNext = async () => {
  for (let file = waiting.shift(); file; file = waiting.shift()) {
    const child = spawn(process.execPath, ['--test', '--test-reporter=spec', path.join(folder, file)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, VIEWER_URL: values.url, VIEWER_UNCOMPRESSED: values.uncompressed ? '1' : '' },
    });
    const output = [];
    child.stdout.on('data', (piece) => output.push(piece));
    const code = await new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)));
    process.stdout.write(Buffer.concat(output));
    if (code !== 0) process.exitCode = 1;
  }
};
await Promise.all([runNext(), runNext(), runNext()]);
