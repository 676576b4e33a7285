import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import react from "@vitejs/plugin-react";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

/**
 * `<package version>+<digest of everything the bundle is made of>`: the same sources give the same
 * version on every machine, and a console that is older than its server can tell.
 */
function consoleVersion(): string {
  const root = import.meta.dirname;
  const sources = ["index.html", "package-lock.json"];
  for (const folder of ["src", "public", "../../clients/typescript/src"]) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = relative(root, join(entry.parentPath, entry.name));
      if (entry.isFile() && !/\.test\.tsx?$/.test(path)) sources.push(path);
    }
  }
  const digest = createHash("sha256");
  for (const path of sources.sort()) digest.update(path).update(readFileSync(join(root, path)));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return `${version}+${digest.digest("hex").slice(0, 12)}`;
}

/** The client is taken from its sources: there is nothing to build first. */
const SOURCE = "stream-manager:source";

const version = consoleVersion();
/** Where `npm run dev` finds the services. */
const backend = process.env.CONSOLE_BACKEND ?? "http://127.0.0.1:4200";

export default defineConfig({
  // Relative, so that the same files work under any base path.
  base: "./",
  plugins: [
    react(),
    {
      name: "version-json",
      generateBundle() {
        const source = `${JSON.stringify({ console: version })}\n`;
        this.emitFile({ type: "asset", fileName: "version.json", source });
      },
    },
  ],
  resolve: { conditions: [SOURCE, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [SOURCE, ...defaultServerConditions] } },
  define: { __CONSOLE_VERSION__: JSON.stringify(version) },
  build: {
    target: "es2022",
    // Nothing is inlined as data: URLs, so that the content security policy can stay narrow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // hls.js is loaded on demand.
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      "/api": backend,
      "/live": backend,
      "/ws": { target: backend, ws: true },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
  },
});
