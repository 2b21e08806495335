import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import type { BasicCredentials } from "@registry-packages-proxy/testkit/wire/BasicCredentials"
import { Effect, type Scope } from "effect"
import type { EnvironmentVariables } from "./Oracle.ts"

/** A running registry with an image, and the settings with which a client pulls the image. */
export interface PullFixture {
  /** Repository of the image as `host[:port]/name`, the format of `spec.registry.repo` in a ModuleSource. */
  readonly repo: string
  readonly scheme: "http" | "https"
  /** Digest of the manifest or index that the client pulls. */
  readonly digest: Digest
  /** Text of the client's config.json. Absent if the client has no credentials. */
  readonly dockerConfig?: string
  /** Credentials that the registry accepts. Absent if the registry requires no credentials. */
  readonly acceptedCredentials?: BasicCredentials
  /** PEM of the authorities that the client trusts. If absent, the client trusts the authorities of the system. */
  readonly trustedCa?: string
  /** Environment variables of the client. Default: none. */
  readonly clientEnvironment?: EnvironmentVariables
  /** Bytes of the package that the client must receive. */
  readonly content: Uint8Array
  /** Number of requests that all registries of the scenario have received so far. */
  readonly requestCount: Effect.Effect<number>
}

/**
 * A pull with which the tests compare clients. `fixture` starts a new registry for each client, so that the clients do
 * not affect each other.
 */
export interface Scenario {
  readonly name: string
  readonly platform: Platform
  readonly fixture: Effect.Effect<PullFixture, never, Scope.Scope>
}

/** Credentials that the registry of a scenario accepts, unless the scenario sets others. */
export const defaultCredentials: BasicCredentials = { username: "reader", password: "right-password" }

/** Returns the text of a config.json with one entry for `host`. */
export const dockerConfigWith = (host: string, entry: unknown): string =>
  JSON.stringify({ auths: { [host]: entry } })

export const encodeBase64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64")

/** Entry of a config.json that contains `defaultCredentials`. */
export const validAuthEntry = {
  auth: encodeBase64(`${defaultCredentials.username}:${defaultCredentials.password}`)
}

/** Bytes of the package that clients pull, unless the scenario sets another `image`. */
export const defaultContent = RegistryBlob.randomBytes(12, 5000)

const repository = "group/modules"

/**
 * Options of a scenario. By default, the client pulls an image with `defaultContent` over plain HTTP, without
 * credentials.
 */
export interface ScenarioOptions {
  /** Options of the registry at its start, for example the credentials that it requires. */
  readonly registryOptions?: TestRegistryOptions
  /** True if the registry serves HTTPS with a certificate of a new authority that the client trusts. Default: false. */
  readonly isHttps?: boolean
  /** Platform that the client requests. Default: `linux/amd64`. */
  readonly platform?: string
  /** Image that the client pulls from the registry. Default: an image with `defaultContent`. */
  readonly image?: RegistryImage.RegistryImage
  /** Bytes of the package in `image`, which the client must receive. Default: `defaultContent`. */
  readonly content?: Uint8Array
  /** Images in the same repository in addition to `image`. */
  readonly otherImages?: ReadonlyArray<RegistryImage.RegistryImage>
  /**
   * Returns the text of the client's config.json for the registry at `host`. Default: a config.json with
   * `validAuthEntry` if the registry requires credentials, otherwise none.
   */
  readonly dockerConfig?: (host: string) => string
  /**
   * Changes the registry after its start. May start more registries and return them, so that their requests are counted
   * too.
   */
  readonly prepareRegistry?: (
    registry: TestRegistry["Service"]
  ) => Effect.Effect<void | ReadonlyArray<TestRegistry["Service"]>, never, Scope.Scope>
  /**
   * Returns the PEM of the authorities that the client trusts. If the result is undefined, the client trusts the
   * authorities of the system. Default: `registryCa`, the authority of the registry's certificate.
   */
  readonly trustedCa?: (registryCa: string | undefined) => string | undefined
}

const requestCountOf = (registries: ReadonlyArray<TestRegistry["Service"]>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(registries, ({ requests }) => requests),
    (requests) => requests.flat().length
  )

const issue = (authority: Certificates.CertificateAuthority) => authority.issue()

/** Returns a scenario in which the client pulls an image from a test registry. */
export const scenario = (name: string, options: ScenarioOptions = {}): Scenario => ({
  name,
  platform: (options.platform ?? "linux/amd64") as Platform,
  fixture: Effect.gen(function* () {
    const issued =
      options.isHttps === true ? yield* Effect.flatMap(Certificates.makeAuthority, issue) : undefined
    const tls = issued ?? options.registryOptions?.tls
    const registry = yield* TestRegistry.make({
      ...options.registryOptions,
      ...(tls === undefined ? {} : { tls })
    })
    const image = options.image ?? RegistryImage.ofPackage(defaultContent)
    for (const each of [image, ...(options.otherImages ?? [])]) yield* registry.put(repository, each)
    const others = (yield* options.prepareRegistry?.(registry) ?? Effect.void) ?? []
    const { auth = { _tag: "None" } } = options.registryOptions ?? {}
    const acceptedCredentials =
      auth._tag === "None" ? undefined : { username: auth.username, password: auth.password }
    const defaultConfig =
      acceptedCredentials === undefined ? undefined : (host: string) => dockerConfigWith(host, validAuthEntry)
    const dockerConfig = options.dockerConfig ?? defaultConfig
    const trustedCa = options.trustedCa === undefined ? tls?.ca : options.trustedCa(tls?.ca)
    const fixture: PullFixture = {
      repo: `${registry.host}/${repository}`,
      scheme: tls === undefined ? "http" : "https",
      digest: image.digest,
      content: options.content ?? defaultContent,
      requestCount: requestCountOf([registry, ...others]),
      ...(dockerConfig === undefined ? {} : { dockerConfig: dockerConfig(registry.host) }),
      ...(acceptedCredentials === undefined ? {} : { acceptedCredentials }),
      ...(trustedCa === undefined ? {} : { trustedCa })
    }
    return fixture
  })
})
