// How esbuild bundles the viewer for browsers, and its tests for Node.
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const alias = {
  // The full zone data adds 700 kB; this build knows ten years.
  'moment-timezone': 'moment-timezone/builds/moment-timezone-with-data-10-year-range.min.js',
  // The same functions as modules: only those that are used are bundled.
  lodash: 'lodash-es',
};

/** Parts of @grafana/data that the viewer never runs, and the modules of src/left-out that stand for them. Tests bundle the same. */
const replacements = [
  { path: /^@grafana\/i18n$/, by: 'translations.ts' },
  { path: /^zod$/, by: 'schemas.ts' },
  { path: /\/sanitize\.mjs$/, by: 'sanitizer.ts' },
];

function leaveOut(root) {
  return {
    name: 'leave-out',
    setup(build) {
      for (const { path: filter, by } of replacements) {
        build.onResolve({ filter }, ({ importer }) => (importer.includes(path.join('@grafana', 'data')) ? { path: path.join(root, 'src/left-out', by) } : undefined));
      }
    },
  };
}

/** The script, its styles, and chunks that are fetched when they are needed. */
export function browserOptions(root) {
  return {
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outdir: 'dist',
    publicPath: '/viewer',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2022'],
    minify: true,
    // The licences stand in THIRD-PARTY.txt.
    legalComments: 'none',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    plugins: [leaveOut(root)],
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
    alias,
  };
}

// Bundled CommonJS packages may ask for modules of Node; @grafana/data reads the language and looks for its host page.
const nodeBanner = `
import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
globalThis.navigator ??= { language: 'en-US', languages: ['en-US'] };
globalThis.window ??= globalThis;
`;

/** uPlot asks for a document as soon as there is a window; its arithmetic, which the tests use, needs neither. */
const uplotWithoutDocument = {
  name: 'uplot-without-document',
  setup(build) {
    build.onLoad({ filter: /uPlot\.(esm|cjs)\.js$/ }, async (file) => {
      const source = await readFile(file.path, 'utf8');
      const contents = source.replace("typeof window != 'undefined'", 'false');
      if (contents === source) throw new Error('uPlot looks for a window in another way than it did: see bundle.mjs');
      return { contents, loader: 'js' };
    });
  },
};

/** One module per file of tests, with shared chunks. */
export function testOptions(root, entryPoints, outdir) {
  return {
    absWorkingDir: root,
    entryPoints,
    outbase: 'tests',
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: ['node18'],
    mainFields: ['module', 'main'],
    sourcemap: 'inline',
    sourcesContent: false,
    outExtension: { '.js': '.mjs' },
    loader: { '.css': 'empty' },
    banner: { js: nodeBanner },
    plugins: [leaveOut(root), uplotWithoutDocument],
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
    alias,
  };
}
