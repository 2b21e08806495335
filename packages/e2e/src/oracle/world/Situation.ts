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

/** A package that can be pulled, or not, and what a client knows of it. */
export interface World {
  /** A ModuleSource's `spec.registry.repo`. */
  readonly repo: string
  readonly scheme: "http" | "https"
  readonly digest: Digest
  /** A config.json's text. */
  readonly dockerConfig?: string
  /** The login that the registry takes, where it asks for one. */
  readonly login?: { readonly username: string; readonly password: string }
  readonly ca?: string
  readonly environment?: Variables
  /** The package's bytes. */
  readonly content: Uint8Array
  /** The number of requests that all of its registries were sent. */
  readonly requests: Effect.Effect<number>
}

/** One way in which a registry, a network or a configuration can be, made anew for each client. */
export interface Situation {
  readonly name: string
  readonly platform: Platform
  readonly world: Effect.Effect<World, never, Scope.Scope>
}

/** The user that registries know, unless told. */
export const account = { username: "reader", password: "right-password" } as const

/** A config.json's text with one entry. */
export const configWith = (host: string, entry: unknown): string =>
  JSON.stringify({ auths: { [host]: entry } })

export const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64")

/** The account's entry. */
export const rightEntry = { auth: base64(`${account.username}:${account.password}`) }

/** The package of every situation that does not say otherwise. */
export const content = RegistryBlob.randomBytes(12, 5000)

const repository = "group/modules"

const issued = (authority: Certificates.CertificateAuthority) => authority.issue()

export interface RegistrySituation {
  readonly options?: TestRegistryOptions
  /** HTTPS, with a certificate of an authority that the client is told of. */
  readonly isSecure?: boolean
  readonly platform?: string
  /** The image that is asked for; one of the usual package by default. */
  readonly image?: RegistryImage.RegistryImage
  /** The package, where it is not the usual one. */
  readonly content?: Uint8Array
  /** Other images that the registry holds. */
  readonly holds?: ReadonlyArray<RegistryImage.RegistryImage>
  /** The text of the docker config of a client of this registry; the account's entry where the registry asks for one. */
  readonly config?: (host: string) => string
  /** Changes the registry; gives the other registries that take part. */
  readonly prepare?: (
    registry: TestRegistry["Service"]
  ) => Effect.Effect<void | ReadonlyArray<TestRegistry["Service"]>, never, Scope.Scope>
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
