import { assert, describe, it } from "@effect/vitest"
import { BodyError, DigestMismatch } from "@registry-packages-proxy/digest-cache/BodyError"
import {
  CredentialError,
  NotSynced,
  UnknownRepository,
  Unreadable
} from "@registry-packages-proxy/credential-store/CredentialError"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import * as Manifest from "@registry-packages-proxy/oci/ManifestError"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryKey } from "@registry-packages-proxy/oci/RepositoryKey"
import * as Registry from "@registry-packages-proxy/registry-client/RegistryError"
import { Option } from "effect"
import { fromPullError } from "../../src/http/ErrorProblems.ts"
import { InvalidRepositoryName } from "../../src/http/PackagePull.ts"

const long = "x".repeat(261)
// What is not ASCII has more bytes than characters.
const wide = "ü".repeat(5000)
const platform = Platform.make(`${"o".repeat(32)}/${"a".repeat(32)}/${"v".repeat(32)}`)
const repository = Option.some(RepositoryKey.make(`registry.test/${"r".repeat(255)}`))
const expected = Digest.make(`sha512:${"0".repeat(128)}`)

const byRegistry = (reason: Registry.RegistryError["reason"]) =>
  new Registry.RegistryError({ registry: long, reason })
const byManifest = (reason: Manifest.ManifestError["reason"]) =>
  byRegistry(new Manifest.ManifestError({ reason }))
const byCredentials = (reason: CredentialError["reason"]) => new CredentialError({ reason })

/** Each failure with the longest names it may tell, and the advice that must not be lost behind them. */
const failures: ReadonlyArray<readonly [string, Parameters<typeof fromPullError>[0], string]> = [
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
    "Push the image's last layer"
  ],
  ["a nested index", byManifest(new Manifest.NestedIndex({})), "Ask for the digest of an image"],
  ["no manifest", byRegistry(new Registry.ManifestNotFound({})), "Check digest, repository and path"],
  ["no blob", byRegistry(new Registry.BlobNotFound({})), "Push the image again"],
  ["a refusal", byRegistry(new Registry.Refused({ status: 401 })), "Check the ModuleSource or Secret"],
  [
    "no requests now",
    byRegistry(new Registry.Unavailable({ status: 503, retryAfter: Option.none() })),
    "Ask again later"
  ],
  ["a status", byRegistry(new Registry.UnexpectedStatus({ status: 500 })), "Look at the registry's own log"],
  ...(["refused", "reset", "dns", "certificate", "other"] as const).map(
    (kind) =>
      [
        `a connection: ${kind}`,
        byRegistry(new Registry.ConnectionFailed({ kind, detail: `${long}: ${long}` })),
        kind === "reset" ? "Ask again later" : "Check "
      ] as const
  ),
  ...(["connect", "headers", "body", "attempts"] as const).map(
    (phase) =>
      [
        `time: ${phase}`,
        byRegistry(new Registry.TimedOut({ phase })),
        phase === "connect" ? "Check the network" : "Ask again later"
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
    "Make the Secret d8-system/deckhouse-registry"
  ],
  [
    "a repository that may be known later",
    byCredentials(new UnknownRepository({ repository, upToDate: false })),
    "Ask again soon"
  ],
  ["an unreadable object", byCredentials(new Unreadable({ origin: long, detail: long })), "Mend the object"],
  [
    "wrong bytes",
    new BodyError({
      reason: new DigestMismatch({ expected, expectedSize: 1, actualSize: 1 })
    }),
    "Push the image again"
  ],
  ["no name", new InvalidRepositoryName({}), "Correct `path`"]
]

describe("a failure's detail", () => {
  for (const [what, failure, advice] of failures) {
    it(`says what to do in its first 200 bytes, whatever it names: ${what}`, () => {
      const { detail } = fromPullError(failure)
      assert.include(Buffer.from(detail).subarray(0, 200).toString(), advice)
      assert.isBelow(Buffer.byteLength(detail), 2048)
    })
  }

  it("names the registry once where it is the registry's connection that failed", () => {
    const reason = new Registry.ConnectionFailed({ kind: "dns", detail: "registry.test: no such name" })
    assert.strictEqual(
      fromPullError(new Registry.RegistryError({ registry: "registry.test", reason })).detail,
      "Check the registry's name and this node's DNS: pulling from registry.test failed: no such name."
    )
  })
})
