// node esbuild.mjs [--platform linux-x64,darwin-arm64,...] [--minify] [--outdir dist]
// Bundles the extension, the engine's worker thread, those of merges and hashes, the command line and the webview. Native add-ons that load themselves
// with `require-addon` (udx-native, sodium-native) keep their JS in the bundle; only their .node files are copied.
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';

const option = (name, fallback) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? fallback : process.argv[at + 1];
};
const platforms = option('--platform', `${process.platform}-${process.arch}`).split(',');
const outdir = option('--outdir', 'dist');
const minify = process.argv.includes('--minify');
const root = import.meta.dirname;

/** `require.addon('.', __filename)` becomes a require of `<bundle>/prebuilds/<platform>-<arch>/<name>.node`. */
const nativeAddons = {
  name: 'native-addons',
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]binding\.js$/ }, (args) => {
      const source = fs.readFileSync(args.path, 'utf8');
      if (!/require\.addon\(|require-addon|node-gyp-build/.test(source)) return undefined;
      const folder = path.dirname(args.path);
      const { name: packageName } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const name = packageName.replace(/^@/, '').replace('/', '__');
      for (const platform of platforms) {
        const from = path.join(folder, 'prebuilds', platform, `${name}.node`);
        const to = path.join(root, outdir, 'prebuilds', platform, `${name}.node`);
        fs.mkdirSync(path.dirname(to), { recursive: true });
        fs.copyFileSync(from, to);
      }
      // A computed path, so that esbuild leaves it alone; __dirname is the bundle's folder.
      const contents =
        `const file = require('path').join(__dirname, 'prebuilds', process.platform + '-' + process.arch, ${JSON.stringify(`${name}.node`)});\n` +
        `module.exports = require(file);\n`;
      return { loader: 'js', contents };
    });
  },
};

fs.rmSync(path.join(root, outdir), { recursive: true, force: true });
const common = {
  bundle: true,
  absWorkingDir: root,
  logLevel: 'warning',
  minify,
  sourcemap: minify ? false : 'linked',
  outdir,
};
const node = {
  ...common,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  plugins: [nativeAddons],
  legalComments: 'none',
};
const entries = (...names) => names.filter((name) => fs.existsSync(path.join(root, name)));

await Promise.all([
  // The only bundle that may see `vscode`: a leak anywhere else fails the build.
  build({ ...node, entryPoints: entries('src/extension.ts'), external: ['vscode'] }),
  build({ ...node, entryPoints: entries('src/service/worker.ts') }),
  build({ ...node, entryPoints: entries('src/engine/adapter/merge/writing/mergeThread.ts') }),
  build({ ...node, entryPoints: entries('src/engine/store/hashThread.ts') }),
  // The launcher part of the command line has to start on Node 20 to find a newer one.
  build({ ...node, entryPoints: entries('src/cli.ts'), target: 'node20', banner: { js: '#!/usr/bin/env node' } }),
  build({
    ...common,
    entryPoints: entries('webview/main.ts'),
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    outdir: `${outdir}/webview`,
  }),
]);
