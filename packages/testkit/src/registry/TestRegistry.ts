import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import type { Upstream } from "@registry-packages-proxy/registry-client/Upstream"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"
import type { ServerCertificate } from "../machine/Certificates.ts"
import type { Fault, FaultOptions, Operation } from "./Fault.ts"
import { FaultSchedule } from "./FaultSchedule.ts"
import { type RegistryAuth, RegistryAuthority } from "./RegistryAuth.ts"
import type { RegistryBlob } from "../images/RegistryBlob.ts"
import { RegistryContent } from "../images/RegistryContent.ts"
import * as RegistryHandler from "./RegistryHandler.ts"
import * as RegistryImage from "../images/RegistryImage.ts"
import { countOf, type RegistryActivity, RegistryLog, type RequestRecord } from "./RegistryLog.ts"
import { type RegistryOverride, type RegistryRedirect, RegistryRules } from "./RegistryRules.ts"
import * as RegistryServer from "./RegistryServer.ts"
import * as RegistryUpstream from "./RegistryUpstream.ts"

/** What a test registry is at its start; all but the listeners can be changed later. */
export interface TestRegistryOptions {
  /** 127.0.0.1 unless told. */
  readonly host?: RegistryServer.Loopback
  /** HTTPS with this certificate; plain HTTP without. */
  readonly tls?: ServerCertificate
  /** No credentials needed unless told. */
  readonly auth?: RegistryAuth
  /** Blobs are served in place unless told. */
  readonly redirect?: RegistryRedirect
}

/**
 * An OCI registry over real HTTP on loopback, in process, with a blob store as a second origin.
 *
 * It keeps the time of the clock it was made with, so that tokens expire and limited bodies advance by TestClock.
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
    /** What a client needs to pull from the repositories under `base`: scheme, host, the current credential, the CA. */
    readonly source: (base?: string, changes?: Partial<RegistrySource>) => RegistrySource
    /** Puts an image with all it refers to under its digest, and under tags where there are any. */
    readonly put: (
      repository: string,
      image: RegistryImage.RegistryImage,
      tags?: ReadonlyArray<string>
    ) => Effect.Effect<void>
    /** Puts an image whose only layer is this package, and answers it. */
    readonly putPackage: (
      repository: string,
      content: Uint8Array | RegistryBlob
    ) => Effect.Effect<RegistryImage.RegistryImage>
    /** Puts a blob under its digest, in place of one already there. */
    readonly putBlob: (repository: string, blob: RegistryBlob) => Effect.Effect<void>
    /** Takes a manifest or a blob away. */
    readonly remove: (repository: string, digest: Digest) => Effect.Effect<void>
    /** Changes who may pull; tokens given out before are worthless. */
    readonly setAuth: (auth: RegistryAuth) => Effect.Effect<void>
    readonly setRedirect: (redirect: RegistryRedirect) => Effect.Effect<void>
    /** Has requests answered in a way that nothing else here can tell; faults come on top. */
    readonly setOverride: (override: RegistryOverride) => Effect.Effect<void>
    /** Makes every token given out so far worthless. */
    readonly revokeTokens: Effect.Effect<void>
    /** Appends to the faults to come: the next requests of this operation suffer all of these together. */
    readonly fault: (
      operation: Operation,
      faults: Fault | ReadonlyArray<Fault>,
      options?: FaultOptions
    ) => Effect.Effect<void>
    /** Takes back all faults that have not struck yet. */
    readonly heal: Effect.Effect<void>
    /** Every request so far, in order. */
    readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
    /** How many requests of an operation there were. */
    readonly count: (operation: RequestRecord["operation"]) => Effect.Effect<number>
    /** Requests and connections. */
    readonly activity: Effect.Effect<RegistryActivity>
    /** Waits until the activity is as told: at once where it is already. */
    readonly await: (predicate: (activity: RegistryActivity) => boolean) => Effect.Effect<void>
    /** Empties the list of requests. */
    readonly forget: Effect.Effect<void>
  }
>()("@registry-packages-proxy/testkit/TestRegistry") {
  /** A registry of its own, for tests that need several. */
  static readonly make = (
    options: TestRegistryOptions = {}
  ): Effect.Effect<TestRegistry["Service"], never, Scope.Scope> => make(options)

  static readonly layer = (options: TestRegistryOptions = {}): Layer.Layer<TestRegistry> =>
    Layer.effect(TestRegistry, make(options))

  /**
   * A registry without a socket: the same content, rules and faults behind the `Upstream` port, so that a registry
   * client's requests cost microseconds and nothing but a test's clock passes time. `moved` is called at each step.
   */
  static readonly makeInProcess = (
    options: Omit<TestRegistryOptions, "tls" | "host"> & { readonly moved?: () => void } = {}
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
        moved: options.moved ?? (() => {})
      })
      return { registry, upstream }
    })
}

const credentialOf = (auth: RegistryAuth): Credential =>
  auth._tag === "None"
    ? anonymous
    : { _tag: "Basic", username: auth.username, password: Redacted.make(auth.password) }

/** Where a registry and its blob store can be reached. */
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
    server.serve(RegistryHandler.make({ listener, ...parts }), parts.log.connected)
  }
  return parts.registry
})

const assemble = Effect.fnUntraced(function* (options: TestRegistryOptions, servers: Servers) {
  const { auth = { _tag: "None" }, redirect = { _tag: "None" } } = options
  const { ca, registry, scheme, store } = servers
  const log = yield* RegistryLog.make
  const schedule = new FaultSchedule()
  const content = new RegistryContent()
  const authority = new RegistryAuthority(auth)
  const origins = { registry: registry.origin, store: store.origin }
  const rules = new RegistryRules({ content, authority, redirect, origins })
  const service = TestRegistry.of({
    host: RegistryHost.make(registry.host),
    origin: registry.origin,
    storeOrigin: store.origin,
    source: (base = "", changes = {}) => ({
      scheme,
      host: RegistryHost.make(registry.host),
      base: PathComponents.make(base),
      credential: credentialOf(authority.auth),
      ca,
      origin: "TestRegistry",
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
        authority.auth = auth
        authority.revoke()
      }),
    setRedirect: (redirect) =>
      Effect.sync(() => {
        rules.redirect = redirect
      }),
    setOverride: (override) =>
      Effect.sync(() => {
        rules.override = override
      }),
    revokeTokens: Effect.sync(() => authority.revoke()),
    fault: (operation, faults, options) => Effect.sync(() => schedule.add(operation, faults, options)),
    heal: Effect.sync(() => schedule.clear()),
    requests: Effect.map(log.activity, (activity) => activity.requests),
    count: (operation) => Effect.map(log.activity, (activity) => countOf(activity, operation)),
    activity: log.activity,
    await: (predicate) => log.await(predicate),
    forget: log.forget
  })
  return { log, registry: service, rules, schedule }
})
