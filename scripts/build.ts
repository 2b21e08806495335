/** `npm run build`: the program in one file that runs on Node with nothing installed beside it. */
import { build } from "esbuild"

const built = build({
  entryPoints: ["packages/proxy/src/main.ts"],
  outfile: "packages/proxy/dist/main.js",
  platform: "node",
  target: "node26",
  format: "esm",
  bundle: true,
  minify: true,
  sourcemap: true,
  legalComments: "none",
  logLevel: "info",
  // Dependencies that are CommonJS call require, which a module does not have.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);'
  }
})

// esbuild has said what is wrong.
await built.catch(() => {
  process.exitCode = 1
})
