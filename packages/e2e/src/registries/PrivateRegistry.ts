import type { HostCredentials } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import type * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { dockerConfig } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Path, type Scope } from "effect"
import type { AccessLogEntry } from "./AccessLog.ts"
import * as Command from "../run/Command.ts"
import type { ImageLayout } from "../machine/ImageLayout.ts"

/** A running registry that serves HTTPS and requires a password. */
export interface PrivateRegistry {
  /** Address of the registry, as `host:port`. */
  readonly host: string
  /** PEM of the CA that issued the registry's certificate. */
  readonly ca: string
  /** The credentials that the registry accepts before `changePassword`. */
  readonly credentials: HostCredentials
  /** The user name with which each repository name must begin. Undefined if the registry has no such rule. */
  readonly repositoryOwner?: string
  /** True if the registry ignores Range headers and always sends the whole blob. */
  readonly ignoresRanges?: boolean
  /**
   * Pushes an image or an index from a layout to the registry, without changing the digest. The image's name becomes
   * the tag.
   */
  readonly push: (
    layout: Pick<ImageLayout, "directory">,
    image: { readonly name: string },
    repository: string
  ) => Effect.Effect<unknown, unknown, Command.Services>
  /** Returns all requests that the registry has received so far. */
  readonly requests: () => ReadonlyArray<AccessLogEntry>
  /** Changes the user's password, and returns the new credentials. */
  readonly changePassword: Effect.Effect<HostCredentials, unknown, Command.Services | Scope.Scope>
}

/** Makes a `push` that runs skopeo with these credentials. The end of the scope removes the files that skopeo needs. */
export const makePush = Effect.fnUntraced(function* (
  host: string,
  credentials: HostCredentials,
  authority: Certificates.CertificateAuthority
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-push-" })
  const trusted = path.join(directory, "trusted")
  yield* fs.makeDirectory(trusted)
  yield* fs.writeFileString(path.join(trusted, "ca.crt"), authority.cert)
  yield* fs.writeFileString(path.join(directory, "config.json"), dockerConfig(credentials))
  const push: PrivateRegistry["push"] = (layout, { name }, repository) =>
    Command.run("skopeo", [
      "--insecure-policy",
      "--tmpdir",
      directory,
      "copy",
      "--all",
      "--preserve-digests",
      "--dest-authfile",
      path.join(directory, "config.json"),
      "--dest-cert-dir",
      trusted,
      `oci:${layout.directory}:${name}`,
      `docker://${host}/${repository}:${name}`
    ])
  return push
})
