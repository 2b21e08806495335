import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Arrow, Box, BoxPicture } from "./Boxes.ts"

const scope = "@registry-packages-proxy/"

/** Returns the workspace packages that each package imports, from the package.json files. */
export const importsOf = (root: string): ReadonlyMap<string, ReadonlyArray<string>> =>
  new Map(
    globSync("packages/*/package.json", { cwd: root })
      .sort()
      .map((file) => {
        const { dependencies = {} } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
          readonly dependencies?: Readonly<Record<string, string>>
        }
        const names = Object.keys(dependencies).filter((name) => name.startsWith(scope))
        return [dirname(file).split("/").at(-1) ?? "", names.map((name) => name.slice(scope.length))]
      })
  )

/** The layers from top to bottom, with their packages from left to right. */
const layers: ReadonlyArray<{
  readonly title: string
  readonly packages: Readonly<Record<string, readonly [column: number, line: string]>>
}> = [
  {
    title: "what runs the program",
    packages: {
      quickstart: [0, "npm start"],
      examples: [1, "parts replaced"],
      bench: [2, "npm run bench"],
      e2e: [3, "npm run test:e2e"],
      deploy: [4, "chart, image"]
    }
  },
  {
    title: "the program, and mocks",
    packages: {
      proxy: [1.2, "HTTP API, flags, main"],
      testkit: [3.2, "mocks, shared suites"]
    }
  },
  {
    title: "ports",
    packages: {
      "digest-cache": [0, "DigestCache, BlobStore"],
      "registry-client": [1.3, "RegistryClient"],
      "credential-store": [2.65, "CredentialStore"],
      "access-control": [4, "Authenticator, Authorizer"]
    }
  },
  {
    title: "model and API access",
    packages: {
      domain: [0.6, "what ports share"],
      kubernetes: [2.95, "list, watch, reviews"]
    }
  },
  {
    title: "formats and connections",
    packages: {
      oci: [0.62, "digests, manifests"],
      "node-net": [1.97, "HTTP/1.1, proxies, TLS anchors"],
      metrics: [3.08, "series by labels"],
      tls: [4.02, "serving certificates"]
    }
  }
]

const product = new Set([
  "proxy",
  "digest-cache",
  "registry-client",
  "credential-store",
  "access-control",
  "domain",
  "kubernetes",
  "oci",
  "node-net",
  "tls",
  "metrics"
])

/**
 * Packages to which the picture has no arrows, because too many packages import them. A note below the picture names
 * the importers.
 */
const withoutArrows = ["metrics"]

/**
 * Returns an arrow for each import, except for imports of the packages in `withoutArrows`. Also omits redundant arrows.
 * Example: If `a` imports `b` and `c`, and `b` imports `c`, there is no arrow from `a` to `c`.
 */
const reduced = (imports: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<Arrow> => {
  const reaches = (from: string, to: string): boolean =>
    (imports.get(from) ?? []).some((next) => next === to || reaches(next, to))
  return [...imports].flatMap(([from, own]) =>
    own
      .filter((to) => !withoutArrows.includes(to) && !own.some((other) => other !== to && reaches(other, to)))
      .map((to) => ({ from, to }))
  )
}

/**
 * Makes the picture of the packages and their imports. Throws if a package has no layer, or imports a package of a
 * higher layer.
 */
export const architecture = (root: string): BoxPicture => {
  const imports = importsOf(root)
  const layerOf = new Map(
    layers.flatMap(({ packages }, row) => Object.keys(packages).map((name) => [name, row] as const))
  )
  for (const [name, own] of imports) {
    const row = layerOf.get(name)
    if (row === undefined)
      throw new Error(`scripts/pictures/Architecture.ts: add the package ${name} to a layer`)
    const up = own.find((other) => (layerOf.get(other) ?? -1) < row)
    if (up !== undefined)
      throw new Error(
        `scripts/pictures/Architecture.ts: ${name} imports ${up}, which must not be in a layer above`
      )
  }
  for (const name of layerOf.keys())
    if (!imports.has(name)) throw new Error(`scripts/pictures/Architecture.ts: there is no package ${name}`)
  const boxes: Record<string, Box> = {}
  layers.forEach(({ packages }, row) => {
    for (const [name, [column, line]] of Object.entries(packages)) {
      const kind = !product.has(name) ? "other" : row === 2 ? "port" : "ours"
      boxes[name] = { title: name, lines: [line], kind, at: [column, row] }
    }
  })
  return {
    title: "The packages and their imports",
    description: layers
      .map(({ packages, title }) => `${title}: ${Object.keys(packages).join(", ")}`)
      .join("; ")
      .concat(". Imports go down only."),
    columnWidth: 166,
    columns: 5,
    rowGap: 66,
    boxes,
    arrows: reduced(imports),
    frames: layers.map(({ packages, title }) => ({ title, around: Object.keys(packages), wide: true })),
    notes: [
      ...withoutArrows.map((name) => {
        const importers = [...imports].filter(([, own]) => own.includes(name)).map(([importer]) => importer)
        return `No arrows to ${name}, which these import: ${importers.join(", ")}.`
      }),
      "An arrow is an import; imports that follow from other arrows are left out. Blue and green run in the program; green are its ports."
    ]
  }
}
