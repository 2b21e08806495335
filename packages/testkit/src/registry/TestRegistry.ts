import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import type { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { IssuedCertificate } from "../machine/Certificates.ts"
import type { Fault, FaultOptions, ServedOperation } from "./Fault.ts"
import { FaultSchedule } from "./FaultSchedule.ts"
import { type RegistryAuth, RegistryAuthService } from "./RegistryAuth.ts"
import type { RegistryBlob } from "../images/RegistryBlob.ts"
import { RegistryContent } from "../images/RegistryContent.ts"
import * as RegistryHandler from "./RegistryHandler.ts"
import * as RegistryImage from "../images/RegistryImage.ts"
import { requestCount, type RegistryActivity, RegistryLog, type LoggedRequest } from "./RegistryLog.ts"
import { type RegistryOverride, type RegistryRedirect, RegistryRules } from "./RegistryRules.ts"
import * as RegistryServer from "./RegistryServer.ts"
import * as RegistryUpstream from "./RegistryUpstream.ts"

/** The options of a test registry. Only `auth` and `redirect` can be changed later. */
export interface TestRegistryOptions {
  /** Default: 127.0.0.1. */
  readonly host?: RegistryServer.LoopbackHost
  /** Serves HTTPS with this certificate. Default: plain HTTP. */
  readonly tls?: IssuedCertificate
  /** Default: no authentication. */
  readonly auth?: RegistryAuth
  /** Default: no redirects. */
  readonly redirect?: RegistryRedirect
}

/**
 * An OCI registry inside the test's process, over HTTP or HTTPS on loopback. The registry can redirect to its blob
 * store, which is another origin. The time comes from the Clock service, so a TestClock controls expiring tokens and
 * rate-limited bodies.
 */
export class TestRegistry extends Context.Service<
  TestRegistry,
  {
    /** `host:port`. */
    readonly host: RegistryHost
    /** `scheme://host:port`. */
    readonly origin: string
    /** The origin of the blob store. */
    readonly storeOrigin: string
    /**
     * Returns the registry source for a client that pulls repositories under `repositoryPrefix`. The source has the
     * credential that the registry currently accepts. The fields of `changes` override the fields of the source.
     */
    readonly source: (repositoryPrefix?: string, changes?: Partial<RegistrySource>) => RegistrySource
    /** Adds an image under its digest and these tags. Also adds the blobs and manifests that the image refers to. */
    readonly put: (
      repository: string,
      image: RegistryImage.RegistryImage,
      tags?: ReadonlyArray<string>
    ) => Effect.Effect<void>
    /** Adds an image whose only layer is this package, and returns the image. */
    readonly putPackage: (
      repository: string,
      content: Uint8Array | RegistryBlob
    ) => Effect.Effect<RegistryImage.RegistryImage>
    /** Adds a blob under its digest. Replaces a previous blob of this digest. */
    readonly putBlob: (repository: string, blob: RegistryBlob) => Effect.Effect<void>
    /** Removes the manifest or blob with this digest. A tag of a removed manifest still returns the manifest. */
    readonly remove: (repository: string, digest: Digest) => Effect.Effect<void>
    /** Changes the authentication, and revokes all tokens. */
    readonly setAuth: (auth: RegistryAuth) => Effect.Effect<void>
    readonly setRedirect: (redirect: RegistryRedirect) => Effect.Effect<void>
    /** Sets a function that responds in place of the registry. Faults are applied to its responses. */
    readonly setOverride: (override: RegistryOverride) => Effect.Effect<void>
    /** Revokes all tokens issued so far. */
    readonly revokeTokens: Effect.Effect<void>
    /** Appends faults. Each of the next `times` matching requests (default: 1) gets all these faults together. */
    readonly injectFaults: (
      operation: ServedOperation,
      faults: Fault | ReadonlyArray<Fault>,
      options?: FaultOptions
    ) => Effect.Effect<void>
    /** Removes all pending faults. */
    readonly clearFaults: Effect.Effect<void>
    /** The requests since the last `clearRequests`, in the order of arrival. */
    readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
    /** Returns the number of requests of an operation since the last `clearRequests`. */
    readonly requestCount: (operation: LoggedRequest["operation"]) => Effect.Effect<number>
    /** The requests since the last `clearRequests`, and the counts of all connections so far. */
    readonly activity: Effect.Effect<RegistryActivity>
    /** Waits until `predicate` returns true. Calls `predicate` at once and after each change of `activity`. */
    readonly await: (predicate: (activity: RegistryActivity) => boolean) => Effect.Effect<void>
    /** Clears the list of requests, but not the counts of connections. */
    readonly clearRequests: Effect.Effect<void>
  }
>()("@registry-packages-proxy/testkit/TestRegistry") {
  /** Starts a registry, for tests that need several registries. The end of the scope stops the registry. */
  static readonly make = (
    options: TestRegistryOptions = {}
  ): Effect.Effect<TestRegistry["Service"], never, Scope.Scope> => make(options)

  static readonly layer = (options: TestRegistryOptions = {}): Layer.Layer<TestRegistry> =>
    Layer.effect(TestRegistry, make(options))

  /**
   * Makes a registry that opens no port. Clients reach it only through the returned `upstream`, which implements the
   * service `Upstream`. Content, faults and time work as in `make`. Calls `onStep` at each request, response and chunk.
   */
  static readonly makeWithoutNetwork = (
    options: Omit<TestRegistryOptions, "tls" | "host"> & { readonly onStep?: () => void } = {}
  ): Effect.Effect<{
    readonly registry: TestRegistry["Service"]
    readonly upstream: Upstream["Service"]
  }> =>
    Effect.gen(function* () {
      const servers = {
        registry: { host: "registry.test", origin: "https://registry.test" },
        store: { host: "store.test", origin: "https://store.test" },
        scheme: "https",
        ca: undefined
      } as const
      const { log, registry, rules, schedule } = yield* assemble(options, servers)
      const upstream = RegistryUpstream.make({
        log,
        rules,
        schedule,
        servers,
        onStep: options.onStep ?? (() => {})
      })
      return { registry, upstream }
    })
}

const credentialOf = (auth: RegistryAuth): Credential =>
  auth._tag === "None"
    ? anonymous
    : { _tag: "Basic", username: auth.username, password: Redacted.make(auth.password) }

/** The addresses of a registry and its blob store, and the scheme and CA certificate of both. */
interface Servers {
  readonly registry: { readonly host: string; readonly origin: string }
  readonly store: { readonly origin: string }
  readonly scheme: "http" | "https"
  readonly ca: string | undefined
}

const make = Effect.fnUntraced(function* (options: TestRegistryOptions) {
  const { host = "127.0.0.1", tls } = options
  const registry = yield* RegistryServer.make({ host, tls })
  const store = yield* RegistryServer.make({ host, tls })
  const scheme = tls === undefined ? "http" : "https"
  const parts = yield* assemble(options, { registry, store, scheme, ca: tls?.ca })
  for (const [listener, server] of [
    ["registry", registry],
    ["store", store]
  ] as const) {
    server.serve(RegistryHandler.make({ listener, ...parts }), parts.log.countConnection)
  }
  return parts.registry
})

const assemble = Effect.fnUntraced(function* (options: TestRegistryOptions, servers: Servers) {
  const { auth = { _tag: "None" }, redirect = { _tag: "None" } } = options
  const { ca, registry, scheme, store } = servers
  const log = yield* RegistryLog.make
  const schedule = new FaultSchedule()
  const content = new RegistryContent()
  const authService = new RegistryAuthService(auth)
  const origins = { registry: registry.origin, store: store.origin }
  const rules = new RegistryRules({ content, authService, redirect, origins })
  const service = TestRegistry.of({
    host: RegistryHost.make(registry.host),
    origin: registry.origin,
    storeOrigin: store.origin,
    source: (repositoryPrefix = "", changes = {}) => ({
      scheme,
      host: RegistryHost.make(registry.host),
      repositoryPrefix: PathComponents.make(repositoryPrefix),
      credential: credentialOf(authService.auth),
      ca,
      sourceObject: "TestRegistry",
      ...changes
    }),
    put: (repository, image, tags = []) => Effect.sync(() => content.put(repository, image, tags)),
    putPackage: (repository, bytes) =>
      Effect.sync(() => {
        const image = RegistryImage.ofPackage(bytes)
        content.put(repository, image, [])
        return image
      }),
    putBlob: (repository, blob) => Effect.sync(() => content.putBlob(repository, blob)),
    remove: (repository, digest) => Effect.sync(() => content.remove(repository, digest)),
    setAuth: (auth) =>
      Effect.sync(() => {
        authService.auth = auth
        authService.revokeTokens()
      }),
    setRedirect: (redirect) =>
      Effect.sync(() => {
        rules.redirect = redirect
      }),
    setOverride: (override) =>
      Effect.sync(() => {
        rules.override = override
      }),
    revokeTokens: Effect.sync(() => authService.revokeTokens()),
    injectFaults: (operation, faults, options) => Effect.sync(() => schedule.add(operation, faults, options)),
    clearFaults: Effect.sync(() => schedule.clear()),
    requests: Effect.map(log.activity, (activity) => activity.requests),
    requestCount: (operation) => Effect.map(log.activity, (activity) => requestCount(activity, operation)),
    activity: log.activity,
    await: (predicate) => log.await(predicate),
    clearRequests: log.clearRequests
  })
  return { log, registry: service, rules, schedule }
})
