import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { BasicCredentials } from "@registry-packages-proxy/testkit/wire/BasicCredentials"
import * as SamplePackage from "@registry-packages-proxy/testkit/images/SamplePackage"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect } from "effect"

/** A package in the embedded registry, with the parameters of its URL on the proxy. */
export interface Sample {
  readonly name: string
  readonly version: string
  /** The manifest's digest, which clients request. */
  readonly digest: Digest
  /** The image's layer, which the proxy serves as the package. */
  readonly layer: { readonly digest: Digest; readonly size: number }
  /** The query parameter `repository` of the package's URL on the proxy. Empty for the cluster's own registry. */
  readonly repository: string
  /** The query parameter `path` of the package's URL on the proxy. Empty if the repository itself has the image. */
  readonly path: string
}

/** The embedded registry, with the credentials and repositories for pulls. */
export interface SampleRegistry {
  readonly host: string
  readonly origin: string
  readonly credentials: BasicCredentials
  /** The name of the repository with the cluster's own packages, without the host. Example: `sys/deckhouse`. */
  readonly clusterPath: string
  /** The repository of the ModuleSource, as `host/name`. */
  readonly moduleRepo: string
  /** The packages in the registry, in ascending order of size. */
  readonly samples: ReadonlyArray<Sample>
}

const clusterPath = "sys/deckhouse"
const modulePath = "modules"

const packages = [
  { name: "jq", version: "1.7.1", size: 6 * 1024, home: "cluster", path: "jq" },
  { name: "crictl", version: "1.31.1", size: 5 * 1024 * 1024, home: "module", path: "" },
  { name: "kubelet", version: "1.31.6", size: 64 * 1024 * 1024, home: "cluster", path: "kubernetes/kubelet" }
] as const

/**
 * Maximum bytes per second that the embedded registry sends for one blob request. The limit makes the progress bar
 * visible.
 */
export const maxBytesPerSecond = 40 * 1024 * 1024

/**
 * Starts an in-process OCI registry with token authentication and three packages. The registry stops when the scope
 * ends.
 */
export const make = Effect.gen(function* () {
  const credentials = { username: "quickstart", password: crypto.randomUUID() }
  const registry = yield* TestRegistry.make({ auth: { _tag: "Bearer", ...credentials, expiresIn: 300 } })
  yield* registry.injectFaults(
    "blob",
    { _tag: "RateLimit", bytesPerSecond: maxBytesPerSecond },
    { times: "always" }
  )
  const moduleRepo = `${registry.host}/${modulePath}`
  const samples = yield* Effect.forEach(
    packages,
    Effect.fnUntraced(function* ({ home, name, path, size, version }, index) {
      const bytes = yield* SamplePackage.make({ name, version, size, seed: index + 1 })
      const base = home === "cluster" ? clusterPath : modulePath
      const image = yield* registry.putPackage([base, path].filter((part) => part !== "").join("/"), bytes)
      const layer = yield* Effect.fromNullishOr(image.layer).pipe(Effect.orDie)
      const sample: Sample = {
        name,
        version,
        digest: image.digest,
        layer: { digest: layer.digest, size: layer.size },
        repository: home === "cluster" ? "" : moduleRepo,
        path
      }
      return sample
    }),
    { concurrency: "unbounded" }
  )
  const made: SampleRegistry = {
    host: registry.host,
    origin: registry.origin,
    credentials,
    clusterPath,
    moduleRepo,
    samples
  }
  return made
})

/** Returns the URL at which the proxy serves a sample package. */
export const packageUrl = (proxyOrigin: string, { digest, path, repository }: Sample): string => {
  const query = [`digest=${digest}`]
  if (repository !== "") query.push(`repository=${repository}`)
  if (path !== "") query.push(`path=${path}`)
  return `${proxyOrigin}/package?${query.join("&")}`
}
