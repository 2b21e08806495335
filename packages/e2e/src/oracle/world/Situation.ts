import type { Digest } from "@registry-packages-proxy/oci/Digest"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Effect, type Scope } from "effect"
import type { Variables } from "./Oracle.ts"

/** A running registry with a package, and the settings of a client. */
export interface World {
  /** `spec.registry.repo` of a ModuleSource. */
  readonly repo: string
  readonly scheme: "http" | "https"
  readonly digest: Digest
  /** Text of a config.json. */
  readonly dockerConfig?: string
  /** The login that the registry accepts; absent if the registry requires no login. */
  readonly login?: { readonly username: string; readonly password: string }
  readonly ca?: string
  readonly environment?: Variables
  /** The bytes of the package. */
  readonly content: Uint8Array
  /** Total number of requests that the registries of the situation received. */
  readonly requests: Effect.Effect<number>
}

/** A state of the registry, the network and the client's configuration. `world` sets this state up, once per client. */
export interface Situation {
  readonly name: string
  readonly platform: Platform
  readonly world: Effect.Effect<World, never, Scope.Scope>
}

/** The default login of the registries. */
export const account = { username: "reader", password: "right-password" } as const

/** Text of a config.json with one entry. */
export const configWith = (host: string, entry: unknown): string =>
  JSON.stringify({ auths: { [host]: entry } })

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64")

/** The entry of `account` in a config.json. */
export const rightEntry = { auth: base64(`${account.username}:${account.password}`) }

/** The bytes of the default package. */
export const content = RegistryBlob.randomBytes(12, 5000)

const repository = "group/modules"

const issued = (authority: Certificates.CertificateAuthority) => authority.issue()

/** The properties of a situation that differ from the defaults. */
export interface RegistrySituation {
  readonly options?: TestRegistryOptions
  /** If true, the registry serves HTTPS with a certificate of a CA that the client trusts. */
  readonly isSecure?: boolean
  readonly platform?: string
  /** The requested image; default: an image with the default package. */
  readonly image?: RegistryImage.RegistryImage
  /** The bytes of the package in `image`. Default: the default package. */
  readonly content?: Uint8Array
  /** Other images in the registry. */
  readonly holds?: ReadonlyArray<RegistryImage.RegistryImage>
  /** Returns the text of the client's docker config. Default: `rightEntry` if the registry requires a login. */
  readonly config?: (host: string) => string
  /** Changes the registry. Can return more registries, so that requests to them are counted too. */
  readonly prepare?: (
    registry: TestRegistry["Service"]
  ) => Effect.Effect<void | ReadonlyArray<TestRegistry["Service"]>, never, Scope.Scope>
  /** Returns the PEM of the CA that the client trusts. The argument is the default: the CA of the registry. */
  readonly ca?: (ca: string | undefined) => string | undefined
}

const countOf = (registries: ReadonlyArray<TestRegistry["Service"]>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(registries, ({ requests }) => requests),
    (requests) => requests.flat().length
  )

/** A situation with one registry. */
export const situation = (name: string, about: RegistrySituation = {}): Situation => ({
  name,
  platform: (about.platform ?? "linux/amd64") as Platform,
  world: Effect.gen(function* () {
    const own =
      about.isSecure === true ? yield* Effect.flatMap(Certificates.makeAuthority, issued) : undefined
    const tls = own ?? about.options?.tls
    const registry = yield* TestRegistry.make({ ...about.options, ...(tls === undefined ? {} : { tls }) })
    const image = about.image ?? RegistryImage.ofPackage(content)
    for (const held of [image, ...(about.holds ?? [])]) yield* registry.put(repository, held)
    const others = (yield* about.prepare?.(registry) ?? Effect.void) ?? []
    const { auth = { _tag: "None" } } = about.options ?? {}
    const login = auth._tag === "None" ? undefined : { username: auth.username, password: auth.password }
    const usual = login === undefined ? undefined : (host: string) => configWith(host, rightEntry)
    const config = about.config ?? usual
    const ca = about.ca === undefined ? tls?.ca : about.ca(tls?.ca)
    return {
      repo: `${registry.host}/${repository}`,
      scheme: tls === undefined ? "http" : "https",
      digest: image.digest,
      content: about.content ?? content,
      requests: countOf([registry, ...others]),
      ...(config === undefined ? {} : { dockerConfig: config(registry.host) }),
      ...(login === undefined ? {} : { login }),
      ...(ca === undefined ? {} : { ca })
    }
  })
})
