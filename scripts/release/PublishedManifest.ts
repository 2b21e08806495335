/** The fields of a package.json that packing reads or writes. */
export interface PackageManifest {
  readonly name: string
  readonly version: string
  readonly exports?: unknown
  readonly files?: ReadonlyArray<string>
  readonly publishConfig?: { readonly exports?: unknown }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/**
 * The versions of dependencies whose range in package.json is `workspace:*`, `catalog:` or `catalog:NAME`. `catalog:`
 * means the catalog `default`.
 */
export interface Workspace {
  readonly packages: ReadonlyMap<string, string>
  readonly catalogs: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const versionOf = (workspace: Workspace, name: string, range: string): string => {
  const [, protocol, rest = ""] = /^(workspace|catalog):(.*)$/.exec(range) ?? []
  if (protocol === undefined) return range
  const version =
    protocol === "workspace"
      ? workspace.packages.get(name)
      : workspace.catalogs[rest === "" ? "default" : rest]?.[name]
  if (version === undefined) throw new Error(`${name} ${range}: the workspace has no version of this package`)
  return version
}

/**
 * Returns the published package.json of a workspace package. Its `exports` name the built files, versions replace the
 * ranges `workspace:*` and `catalog:`, and development dependencies are removed. Throws if `publishConfig` has no
 * exports, or if the workspace has no version of a dependency.
 */
export const make = (manifest: PackageManifest, workspace: Workspace): PackageManifest => {
  const { devDependencies: _, publishConfig, ...rest } = manifest
  const { exports, ...config } = publishConfig ?? {}
  if (exports === undefined) throw new Error(`${manifest.name}: publishConfig has no exports`)
  const resolved = (dependencies: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(dependencies).map(([name, range]) => [name, versionOf(workspace, name, range)])
    )
  const { dependencies, peerDependencies } = manifest
  return {
    ...rest,
    exports,
    publishConfig: config,
    ...(dependencies === undefined ? {} : { dependencies: resolved(dependencies) }),
    ...(peerDependencies === undefined ? {} : { peerDependencies: resolved(peerDependencies) })
  }
}
