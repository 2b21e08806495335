/** A test file, or a folder of test files, that can be run alone. */
export interface TestGroup {
  readonly file: string
  /** Names of the programs from `requiredPrograms` that the group needs. */
  readonly programs: ReadonlyArray<string>
  /** Names of the Go modules in `servers/` that are built for the group. */
  readonly servers: ReadonlyArray<string>
  /**
   * True if the group mostly waits, for example until a decision expires. Such groups run in parallel, after all other
   * groups have ended.
   */
  readonly isWaiting?: boolean
  /**
   * True if the group measures the memory of registry-packages-proxy. In such a group, the run does not collect
   * the output or the telemetry of registry-packages-proxy.
   */
  readonly isMeasuring?: boolean
}

const registry = ["setpriv", "skopeo", "curl", "docker-registry"]
const access = ["kube-apiserver", "kube-rbac-proxy"]

const group = (
  file: string,
  programs: ReadonlyArray<string>,
  servers: ReadonlyArray<string> = []
): TestGroup => ({
  file: `packages/e2e/test/${file}.e2e.ts`,
  programs,
  servers
})

/** The groups that `npm run test:e2e -- GROUP...` can run, by name. */
export const testGroups = {
  registry: group("Registry", [...registry, "python3"]),
  clients: { ...group("ConcurrentClients", registry), isMeasuring: true },
  restart: group("Restart", registry),
  credentials: group("Credentials", registry),
  "forward-proxy": group("ForwardProxy", [...registry, "tinyproxy"]),
  executable: group("Executable", registry),
  image: group(
    "Image",
    [...registry, "buildah", "unshare", "readelf", "qemu-aarch64-static", "apt-get", "dpkg-deb", "go"],
    ["cosign"]
  ),
  packages: group("Packages", ["setpriv"]),
  release: group("Release", ["setpriv", "git", "buildah", "apt-get", "dpkg-deb", "go"], ["cosign", "helm"]),
  registries: group(
    "Registries",
    [...registry, "go", "gcc", "git"],
    ["distribution", "memory-registry", "gitea"]
  ),
  oracle: group("Oracle", ["setpriv", "go"], ["oracle"]),
  access: group("Access", [...registry, "python3", "go"], access),
  "access-over-time": { ...group("AccessOverTime", [...registry, "go"], access), isWaiting: true },
  "access-flood": { ...group("AccessFlood", ["setpriv"]), isMeasuring: true },
  connections: { ...group("Connections", ["setpriv", "python3"]), isWaiting: true, isMeasuring: true },
  "access-abandoned": { ...group("AccessAbandoned", ["setpriv"]), isMeasuring: true },
  kubernetes: {
    ...group("Kubernetes", [...registry, "go"], ["kube-apiserver"]),
    isWaiting: true,
    isMeasuring: true
  },
  "kubernetes-flood": { ...group("WatchFlood", ["setpriv"]), isMeasuring: true },
  telemetry: group(
    "Telemetry",
    [...registry, "prometheus", "promtool", "go"],
    ["kube-apiserver", "collector"]
  ),
  cluster: {
    file: "packages/e2e/test/cluster/",
    programs: [...registry, "unshare", "promtool", "go"],
    servers: ["kube-apiserver", "kube-rbac-proxy", "helm", "helm-unittest", "crds"]
  }
} as const satisfies Record<string, TestGroup>

export type GroupName = keyof typeof testGroups

export const groupNames = Object.keys(testGroups) as ReadonlyArray<GroupName>

const all: ReadonlyArray<TestGroup> = Object.values(testGroups)

/** Test files of the groups that mostly wait. */
export const waitingFiles = all.flatMap(({ file, isWaiting }) => (isWaiting === true ? [file] : []))

/** Test files of the groups that measure the memory of registry-packages-proxy. */
export const measuringFiles = all.flatMap(({ file, isMeasuring }) => (isMeasuring === true ? [file] : []))

export const isGroupName = (name: string): name is GroupName => Object.hasOwn(testGroups, name)
