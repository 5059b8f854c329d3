import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const dist = resolve(import.meta.dirname, 'dist');
const minified = resolve(import.meta.dirname, 'node_modules/hls.js/dist/hls.min.mjs');

/** Puts the small early script of the pages that play into their head, before everything else. */
function early(): Plugin {
  return {
    name: 'stagecast-early',
    enforce: 'post',
    transformIndexHtml: {
      order: 'post',
      handler(html, ctx) {
        if (ctx.filename.endsWith('status.html') || !ctx.bundle) {
          return html;
        }
        const chunk = Object.values(ctx.bundle).find((c) => c.type === 'chunk' && c.name === 'early');
        if (!chunk) {
          throw new Error('no early chunk');
        }
        return html.replace('<title>', `<script type="module" src="/${chunk.fileName}"></script>\n    <title>`);
      },
    },
  };
}

/** Writes a .gz beside everything the server sends, and keeps the folder in the repository. */
function compress(): Plugin {
  return {
    name: 'stagecast-compress',
    writeBundle() {
      for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
        if (/\.(html|js|css|svg)$/.test(name)) {
          const path = join(dist, name);
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        }
      }
      writeFileSync(join(dist, '.gitkeep'), '');
    },
  };
}

export default defineConfig({
  plugins: [early(), compress()],
  resolve: { alias: [{ find: /^hls\.js$/, replacement: minified }] },
  build: {
    outDir: dist,
    target: 'es2022',
    assetsInlineLimit: 0, // nothing inline: the pages' Content-Security-Policy forbids it
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    reportCompressedSize: true,
    rolldownOptions: {
      input: {
        watch: resolve(import.meta.dirname, 'watch.html'),
        embed: resolve(import.meta.dirname, 'embed.html'),
        status: resolve(import.meta.dirname, 'status.html'),
        early: resolve(import.meta.dirname, 'src/pages/early.ts'),
      },
    },
  },
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
