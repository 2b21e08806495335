import type * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, FileSystem, Path } from "effect"
import * as Callers from "../clients/Callers.ts"
import * as CredentialsFile from "../program/CredentialsFile.ts"
import { KubeBed } from "./KubeBed.ts"
import * as KubeCluster from "../servers/KubeCluster.ts"
import { TestBed } from "./TestBed.ts"

/** A service account, and a token of it. */
export const caller = Effect.fnUntraced(function* (
  name: string,
  lifetimeSeconds?: number,
  audience?: string
) {
  const { admin, tokenOf } = yield* KubeBed
  yield* admin.apply(Callers.serviceAccount(name))
  return yield* tokenOf({ name, namespace: Callers.namespace }, lifetimeSeconds, audience)
})

export const grant = (...args: Parameters<typeof Callers.binding>) =>
  Effect.flatMap(KubeBed, ({ admin }) => admin.apply(Callers.binding(...args)))

export const revoke = (...args: Parameters<typeof Callers.binding>) =>
  Effect.flatMap(KubeBed, ({ admin }) => admin.remove(Callers.binding(...args)))

/** The roles that manifest.yaml has for callers, and a package to fetch. */
export const prepared = Effect.gen(function* () {
  const { admin } = yield* KubeBed
  const { layout, registry } = yield* TestBed
  for (const object of yield* KubeCluster.objectsOf(Callers.manifestFile)) {
    if (object["kind"] === "Role" || object["kind"] === "RoleBinding") yield* admin.apply(object)
  }
  const image = yield* layout.image({ name: "access", size: 300_000, seed: 7 })
  yield* registry.push(layout, image, CredentialsFile.clusterPath)
  return image
})

/** Writes a file that programs follow, and gives its path; renamed into place, as whoever rotates such files does. */
export const put = Effect.fnUntraced(function* (name: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { directory } = yield* TestBed
  const file = path.join(directory, `access-${name}`)
  yield* fs.writeFileString(`${file}.new`, text, { mode: 0o600 })
  yield* fs.rename(`${file}.new`, file)
  return file
})

/**
 * Writes a certificate and its key that programs follow, and gives their paths; both replaced by one rename, of the link
 * to the directory they are in, as the kubelet does it.
 */
export const putPair = Effect.fnUntraced(function* (
  name: string,
  { chain, key }: Pick<Certificates.ServerCertificate, "chain" | "key">
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { directory } = yield* TestBed
  const link = path.join(directory, `access-${name}`)
  const current = yield* fs.makeTempDirectory({ directory })
  const write = (file: string, text: string) =>
    fs.writeFileString(path.join(current, file), text, { mode: 0o600 })
  yield* Effect.all([write("tls.crt", chain), write("tls.key", key)])
  yield* fs.symlink(current, `${link}.new`)
  yield* fs.rename(`${link}.new`, link)
  return { certificate: path.join(link, "tls.crt"), key: path.join(link, "tls.key") }
})

/** How many reviews of a kind the API server was asked for so far. */
export const reviews = (resource: "tokenreviews" | "subjectaccessreviews") =>
  Effect.gen(function* () {
    const { admin } = yield* KubeBed
    const text = yield* admin.text("/metrics")
    return text
      .split("\n")
      .filter((line) => line.startsWith("apiserver_request_total{"))
      .filter((line) => line.includes(`resource="${resource}"`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
  })
