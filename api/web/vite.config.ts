import { defineConfig } from "vite";

// In development the API is a separate server; everything else is same-origin.
const api = process.env["PATROLGRID_DEV_API"] ?? "http://127.0.0.1:8080";
const proxied = Object.fromEntries(
  ["/api", "/auth", "/tiles", "/tiles.json"].map((path) => [path, { target: api }]),
);

export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    // A font or icon inlined as a data: URL would be refused by the page's policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1600,
    // The polyfill adds an inline script's worth of code that no supported browser needs.
    modulePreload: { polyfill: false },
  },
  server: { proxy: proxied },
});
