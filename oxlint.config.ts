import { defineConfig, type OxlintConfig } from "oxlint"
import { forbiddenImports, folderImports } from "./scripts/lint/FolderImports.ts"

const scope = "@registry-packages-proxy/"
const model = ["oci", "domain"]
const ports = ["registry-client", "digest-cache", "kubernetes", "credential-store", "access-control"]

/**
 * The packages that each package may import. Tests may also import the testkit. A package without an entry may
 * import no other package.
 */
const directions: Record<string, ReadonlyArray<string>> = {
  oci: [],
  domain: ["oci"],
  "node-net": [],
  metrics: [],
  tls: ["metrics"],
  "registry-client": ["node-net", "metrics", ...model],
  "digest-cache": ["metrics", ...model],
  kubernetes: ["node-net", "metrics"],
  "credential-store": ["node-net", ...model, "kubernetes"],
  "access-control": ["tls", "metrics", "kubernetes"],
  proxy: ["node-net", "metrics", "tls", ...model, ...ports],
  testkit: [...model, ...ports],
  quickstart: [...model, "credential-store", "proxy", "testkit"],
  examples: [...model, ...ports, "proxy", "testkit"],
  deploy: [],
  e2e: ["node-net", "tls", ...model, ...ports, "proxy", "testkit", "quickstart", "deploy"],
  bench: ["access-control", "deploy", "e2e"]
}

const environment = ["process", "node:process"].map((name) => ({
  name,
  importNames: ["default", "env"],
  message: "The environment is read in packages/proxy/src/config/ProcessEnvironment.ts only."
}))

const testClock = {
  name: "effect/testing",
  importNames: ["TestClock"],
  message: "Import testkit's TestClock: where fibers are made to yield, time passes too early by Effect's."
}

const mayImport = (
  allowed: ReadonlyArray<string>,
  where: "src" | "test" | "outside" = "src",
  closed: ReadonlyArray<string> = []
): NonNullable<OxlintConfig["rules"]> => ({
  "no-restricted-imports": [
    "error",
    {
      paths: where === "test" ? [...environment, testClock] : environment,
      patterns: [
        {
          group: [
            `${scope}**`,
            ...allowed.map((name) => `!${scope}${name}/**`),
            ...(where === "outside" ? allowed.map((name) => `!${scope}${name}`) : [])
          ],
          message: `What this package may import, file by file, is in oxlint.config.ts: ${allowed.join(", ") || "no other"}.`
        },
        {
          regex: "^(?:\\.|(?:\\.\\./)*\\.\\.(?:/src)?)/index\\.ts$",
          message: "A package's index.ts is for others: it evaluates all of the package."
        },
        {
          regex: "^(?:\\.{1,2}/)+(?:packages/|[^./][^/]*/(?:src|test)/)",
          message: `Another package is imported by its name, ${scope}<package>/<File>.`
        },
        ...closed.map((regex) => ({
          regex,
          message: "The folders that this folder may import are in scripts/lint/FolderImports.ts."
        }))
      ]
    }
  ]
})

export default defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "node", "promise"],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: "error" },
  // These files run on the machine's own Node, before the dependencies are installed.
  ignorePatterns: ["**/*.cjs"],
  categories: { correctness: "error" },
  rules: {
    // The rule mistakes `Effect.catch` for `Promise.prototype.catch`.
    "promise/valid-params": "off",
    ...mayImport([]),
    eqeqeq: ["error", "always", { null: "ignore" }],
    "no-console": "error",
    "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    "no-var": "error",
    "prefer-const": "error",
    "preserve-caught-error": "error",
    "import/first": "error",
    "import/no-cycle": ["error", { ignoreTypes: false }],
    "import/no-default-export": "error",
    "import/no-duplicates": "error",
    "import/no-mutable-exports": "error",
    "import/no-self-import": "error",
    "node/no-process-env": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/consistent-type-exports": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-deprecated": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-import-type-side-effects": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unnecessary-type-assertion": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/only-throw-error": "error",
    "typescript/prefer-promise-reject-errors": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "unicorn/no-abusive-eslint-disable": "error",
    "unicorn/no-process-exit": "error",
    "unicorn/prefer-node-protocol": "error"
  },
  overrides: [
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
    {
      files: ["scripts/**"],
      rules: {
        "no-console": "off",
        "no-restricted-imports": "off",
        "node/no-process-env": "off",
        "unicorn/no-process-exit": "off"
      }
    },
    { files: ["packages/proxy/src/config/ProcessEnvironment.ts"], rules: { "node/no-process-env": "off" } },
    ...Object.entries(directions).flatMap(([name, allowed]) => [
      // Examples may also import a package's index.ts, as users of the packages do.
      {
        files: [`packages/${name}/src/**`],
        rules: mayImport(allowed, name === "examples" ? "outside" : "src")
      },
      {
        files: [`packages/${name}/test/**`],
        rules: mayImport([...allowed, name, "testkit"], name === "examples" ? "outside" : "test")
      },
      ...Object.keys(folderImports[name] ?? {}).map((folder) => ({
        files: [`packages/${name}/src/${folder}/*.ts`],
        rules: mayImport(allowed, "src", forbiddenImports(folder, folderImports[name] ?? {}))
      }))
    ])
  ]
})
