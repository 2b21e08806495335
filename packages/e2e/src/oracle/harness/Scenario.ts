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
  /** `host[:port]/name`: `spec.registry.repo` of a ModuleSource. */
  readonly repo: string
  readonly scheme: "http" | "https"
  /** The digest to pull. */
  readonly digest: Digest
  /** The client's config.json, as text. Absent: the client has no credentials. */
  readonly dockerConfig?: string
  /** The credentials that the registry accepts. Absent: the registry requires no credentials. */
  readonly acceptedCredentials?: BasicCredentials
  /** PEM of the authorities that the client trusts. Absent: those of the system. */
  readonly trustedCa?: string
  /** The client's environment variables. Default: none. */
  readonly clientEnvironment?: EnvironmentVariables
  /** The bytes of the package that the client must receive. */
  readonly content: Uint8Array
  /** Number of requests so far to all registries involved. */
  readonly requestCount: Effect.Effect<number>
}

/**
 * A pull to compare clients by. `fixture` is made anew for each client, so that the clients do not affect each other.
 */
export interface Scenario {
  readonly name: string
  readonly platform: Platform
  readonly fixture: Effect.Effect<PullFixture, never, Scope.Scope>
}

/** The credentials of a registry that requires any. */
export const defaultCredentials: BasicCredentials = { username: "reader", password: "right-password" }

/** Text of a config.json with one entry. */
export const dockerConfigWith = (host: string, entry: unknown): string =>
  JSON.stringify({ auths: { [host]: entry } })

export const encodeBase64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64")

/** The config.json entry with `defaultCredentials`. */
export const validAuthEntry = {
  auth: encodeBase64(`${defaultCredentials.username}:${defaultCredentials.password}`)
}

/** The bytes of the default package. */
export const defaultContent = RegistryBlob.randomBytes(12, 5000)

const repository = "group/modules"

/**
 * The differences of a scenario from the default: a pull of the default package over plain HTTP, without credentials.
 */
export interface ScenarioOptions {
  /** Registry: its initial state, such as the credentials that it requires. */
  readonly registryOptions?: TestRegistryOptions
  /** Registry: serves HTTPS with a certificate of a new authority. Client: trusts this authority. Default: false. */
  readonly isHttps?: boolean
  /** Client: the requested platform. Default: `linux/amd64`. */
  readonly platform?: string
  /** Registry: the image that the client pulls. Default: an image with the default package. */
  readonly image?: RegistryImage.RegistryImage
  /** The bytes of the package in `image`, which the client must receive. Default: the default package. */
  readonly content?: Uint8Array
  /** Registry: other images in the same repository. */
  readonly otherImages?: ReadonlyArray<RegistryImage.RegistryImage>
  /**
   * Client: returns the text of its config.json for the registry's `host`. Default: `validAuthEntry` if the registry
   * requires credentials, else no config.json.
   */
  readonly dockerConfig?: (host: string) => string
  /** Registry: changes it after its start. Returns other registries whose requests are counted too. */
  readonly prepareRegistry?: (
    registry: TestRegistry["Service"]
  ) => Effect.Effect<void | ReadonlyArray<TestRegistry["Service"]>, never, Scope.Scope>
  /**
   * Client: returns the PEM of the authorities that it trusts. The argument is the default: the registry's authority.
   */
  readonly trustedCa?: (registryCa: string | undefined) => string | undefined
}

const requestCountOf = (registries: ReadonlyArray<TestRegistry["Service"]>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(registries, ({ requests }) => requests),
    (requests) => requests.flat().length
  )

const issue = (authority: Certificates.CertificateAuthority) => authority.issue()

/** A scenario with one registry. */
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
