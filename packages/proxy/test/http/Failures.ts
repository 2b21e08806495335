import {
  BodyError,
  DigestMismatch,
  DiskFailed,
  Stopped
} from "@registry-packages-proxy/digest-cache/BodyError"
import {
  CredentialError,
  NotSynced,
  UnknownRepository,
  Unreadable
} from "@registry-packages-proxy/credential-store/CredentialError"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import * as Manifest from "@registry-packages-proxy/oci/ManifestError"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { messageTexts } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import * as Registry from "@registry-packages-proxy/registry-client/RegistryError"
import { Option } from "effect"
import type { fromPullError } from "../../src/http/package/ErrorProblems.ts"
import { InvalidRepositoryName } from "../../src/http/package/PackagePull.ts"

const long = "x".repeat(261)
// Non-ASCII text has more bytes than characters.
const wide = "ü".repeat(5000)
const platform = Platform.make(`${"o".repeat(12)}/${"a".repeat(12)}/${"v".repeat(12)}`)
const repository = Option.some(RepositoryKey.make(`registry.test/${"r".repeat(255)}`))
const expected = Digest.make(`sha512:${"0".repeat(128)}`)

const elsewhere = { role: "redirect", host: long } as const

const byRegistry = (reason: Registry.RegistryError["reason"]) =>
  new Registry.RegistryError({ registry: long, reason })
const byManifest = (reason: Manifest.ManifestError["reason"]) =>
  byRegistry(new Manifest.ManifestError({ reason }))
const byCredentials = (reason: CredentialError["reason"]) => new CredentialError({ reason })

/**
 * Failures of a pull. Each has a title, an error with very long names, and advice. The proxy's error response has a
 * field `detail`. The first 200 bytes of this field must contain the advice.
 */
export const failures: ReadonlyArray<readonly [string, Parameters<typeof fromPullError>[0], string]> = [
  [
    "no child for the platform",
    byManifest(new Manifest.PlatformNotFound({ platform, available: [wide] })),
    "set --platform"
  ],
  ["a malformed manifest", byManifest(new Manifest.MalformedManifest({ detail: long })), "Push the image"],
  ["schema 1", byManifest(new Manifest.SchemaVersion1({})), "Push the image as OCI"],
  [
    "a media type",
    byManifest(new Manifest.UnsupportedMediaType({ mediaType: wide })),
    "Push the image as OCI"
  ],
  ["no layers", byManifest(new Manifest.NoLayers({})), "Check the digest"],
  [
    "a foreign layer",
    byManifest(new Manifest.ForeignLayer({ mediaType: wide })),
    "Push the image with a last layer"
  ],
  ["indexes too deep", byManifest(new Manifest.IndexTooDeep({ max: 4 })), "Ask for the digest of the image"],
  ["an index in a circle", byManifest(new Manifest.IndexLoop({})), "Push the image again"],
  ["no manifest", byRegistry(new Registry.ManifestNotFound({})), "Check digest, repository and path"],
  ["no blob", byRegistry(new Registry.BlobNotFound({})), "Push the image again"],
  [
    "no manifest, without a login",
    byRegistry(new Registry.ManifestNotFound({ isAnonymous: true })),
    "Check digest, repository and path"
  ],
  [
    "no blob elsewhere",
    byRegistry(new Registry.BlobNotFound({ otherServer: elsewhere })),
    "Push the image again"
  ],
  ["a refusal", byRegistry(new Registry.Refused({ status: 401 })), `Check the ${messageTexts.allKinds}`],
  ["a right that lacks", byRegistry(new Registry.Refused({ status: 403 })), "what its account may pull"],
  ...([true, false] as const).map(
    (identityToken) =>
      [
        `no login, identity token: ${identityToken}`,
        byRegistry(new Registry.AnonymousRefused({ status: 401, hasOnlyIdentityToken: identityToken })),
        identityToken ? "Put a user name and a password" : "Add a login"
      ] as const
  ),
  ...(["password", "identity token", "none", "withheld"] as const).map(
    (login) =>
      [
        `a token service: ${login}`,
        byRegistry(
          new Registry.TokenRefused({ status: 401, otherServer: { role: "token", host: long }, login })
        ),
        {
          password: `Check the ${messageTexts.allKinds}`,
          "identity token": "Renew the identity token",
          none: "Add a login",
          withheld: "Configure the token service not to redirect"
        }[login]
      ] as const
  ),
  [
    "an address",
    byRegistry(new Registry.AddressRefused({ status: 403, otherServer: elsewhere })),
    "Check the registry's clock"
  ],
  [
    "a login elsewhere",
    byRegistry(new Registry.LoginElsewhere({ status: 401, otherServer: elsewhere })),
    `Create a ${messageTexts.repositoryKinds} for the server it redirects to`
  ],
  [
    "no requests now",
    byRegistry(new Registry.Unavailable({ status: 503, retryAfter: Option.none() })),
    "Ask again later"
  ],
  ["a status", byRegistry(new Registry.UnexpectedStatus({ status: 500 })), "Look at the registry's own log"],
  ...(["redirect", "token", "token redirect"] as const).map(
    (role) =>
      [
        `a status of another server: ${role}`,
        byRegistry(new Registry.UnexpectedStatus({ status: 500, otherServer: { role, host: long } })),
        {
          redirect: "the server the registry redirects to",
          token: "the registry's token service",
          "token redirect": "the server its token service redirects to"
        }[role]
      ] as const
  ),
  ...(["refused", "reset", "dns", "certificate", "proxy", "other"] as const).map(
    (kind) =>
      [
        `another server's connection: ${kind}`,
        byRegistry(
          new Registry.ConnectionFailed({ kind, detail: `${long}: ${long}`, otherServer: elsewhere })
        ),
        kind === "reset" ? "Ask again later" : "the server the registry redirects to"
      ] as const
  ),
  ...(["refused", "reset", "dns", "certificate", "proxy", "other"] as const).map(
    (kind) =>
      [
        `a connection: ${kind}`,
        byRegistry(new Registry.ConnectionFailed({ kind, detail: `${long}: ${long}` })),
        kind === "reset" ? "Ask again later" : "Check "
      ] as const
  ),
  ...(["connect", "proxy", "headers", "body", "attempts"] as const).map(
    (phase) =>
      [
        `time: ${phase}`,
        byRegistry(new Registry.TimedOut({ phase })),
        { connect: "Check the network", proxy: "Check HTTP_PROXY" }[phase as string] ?? "Ask again later"
      ] as const
  ),
  [
    "a redirect",
    byRegistry(new Registry.BadRedirect({ detail: long })),
    "Check where the registry redirects"
  ],
  ["nonsense", byRegistry(new Registry.InvalidResponse({ detail: long })), "Check the registry"],
  [
    "no credentials yet",
    byCredentials(new NotSynced({ waitingFor: ["credentials-files", "module-sources", "registry-secret"] })),
    "Ask again soon"
  ],
  [
    "an unknown repository",
    byCredentials(new UnknownRepository({ repository, upToDate: true })),
    "Correct `repository`"
  ],
  [
    "no Secret",
    byCredentials(new UnknownRepository({ repository: Option.none(), upToDate: true })),
    "Create the Secret d8-system/deckhouse-registry"
  ],
  [
    "a repository that may be known later",
    byCredentials(new UnknownRepository({ repository, upToDate: false })),
    "Ask again soon"
  ],
  [
    "an unreadable object",
    byCredentials(new Unreadable({ sourceObject: long, detail: long })),
    "Correct the object"
  ],
  [
    "wrong bytes",
    new BodyError({
      reason: new DigestMismatch({ expected, expectedSize: 1, actualSize: 1 })
    }),
    "Push the image again"
  ],
  ["a disk", new BodyError({ reason: new DiskFailed({ cause: "EIO" }) }), "Ask again"],
  ["a stop", new BodyError({ reason: new Stopped({}) }), "Ask another master node"],
  ["no name", new InvalidRepositoryName({}), "Correct `path`"]
]
