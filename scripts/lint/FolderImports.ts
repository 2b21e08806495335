import { posix } from "node:path"

const { relative } = posix

/**
 * The folders of each package's `src`, from the lowest to the highest. Each folder lists the folders whose files it may
 * import. "." is `src` itself, whose files may import every folder. Packages without folders are omitted.
 */
export const folderImports: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = {
  "access-control": {
    internal: [],
    "internal/reviews": [".", "internal"]
  },
  bench: {
    report: [],
    clients: ["report"],
    servers: ["clients"],
    cases: ["report", "clients", "servers"]
  },
  "credential-store": {
    "internal/kinds": [],
    kinds: ["internal/kinds"],
    feeds: ["kinds"],
    internal: ["internal/kinds", "kinds", "feeds"]
  },
  deploy: {
    image: []
  },
  "digest-cache": {
    internal: [],
    "internal/read": ["."],
    "internal/disk": [".", "internal/read"],
    "internal/memory": ["."],
    "internal/open": [".", "internal/read"]
  },
  domain: {
    internal: []
  },
  e2e: {
    clients: [],
    run: [],
    machine: ["clients", "run"],
    "oracle/harness": ["run"],
    "oracle/scenarios": ["oracle/harness"],
    program: ["run", "machine"],
    registries: ["run", "machine"],
    servers: ["run", "machine"],
    telemetry: ["run", "machine"],
    fixtures: ["clients", "run", "machine", "program", "registries", "servers"],
    oracle: ["oracle/harness", "oracle/scenarios", "program"],
    cluster: ["clients", "run", "machine", "program", "servers", "fixtures"],
    image: ["machine", "program", "fixtures"]
  },
  kubernetes: {
    internal: [],
    "internal/request": ["."],
    reviews: ["."],
    "internal/connection": [".", "internal"],
    "internal/watch": [".", "internal/request"]
  },
  "node-net": {
    http: ["."],
    proxy: ["."],
    tls: ["."],
    connect: [".", "http", "proxy"]
  },
  oci: {
    internal: []
  },
  proxy: {
    build: [],
    text: [],
    config: ["build", "text"],
    metrics: ["build"],
    logging: ["text", "config"],
    process: ["build", "text", "config", "metrics"],
    telemetry: ["text", "config", "metrics"],
    "http/request": ["text", "metrics", "logging", "telemetry"],
    "telemetry/sdk": ["build", "text", "config", "metrics", "logging", "telemetry"],
    "http/access": ["text", "telemetry", "http/request"],
    "http/package": ["text", "telemetry", "http/request"],
    http: ["metrics", "http/request", "http/access", "http/package"],
    "http/server": ["text", "metrics", "http/request", "http/access", "http"]
  },
  "registry-client": {
    "internal/wire": ["."],
    "internal/auth": [".", "internal/wire"],
    "internal/node": ["internal/wire"],
    "internal/pull": [".", "internal/wire", "internal/auth"]
  },
  testkit: {
    "access-control": [],
    arbitraries: [],
    images: [],
    machine: [],
    "registry-client": ["images"],
    wire: ["machine"],
    "credential-store": ["wire"],
    "digest-cache": ["machine", "registry-client"],
    "blob-store": ["digest-cache"],
    registry: ["images", "machine", "wire", "blob-store"],
    kubernetes: ["machine", "registry"]
  },
  tls: {
    internal: []
  }
}

/**
 * Returns regular expressions for the import paths that files in `folder` must not use. `all` are the folders of the
 * package.
 */
export const forbiddenImports = (
  folder: string,
  all: Readonly<Record<string, ReadonlyArray<string>>>
): ReadonlyArray<string> => {
  const allowed = new Set([folder, ...(all[folder] ?? [])])
  return [".", ...Object.keys(all)]
    .filter((other) => !allowed.has(other))
    .map((other) => {
      const path = relative(folder, other)
      return `^${(path.startsWith(".") ? path : `./${path}`).replaceAll(".", "\\.")}/[^/]+$`
    })
}
