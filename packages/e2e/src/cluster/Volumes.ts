import { Effect, FileSystem, Path, Schedule, Schema } from "effect"
import { chownSync } from "node:fs"
import type { KubeAdmin } from "../servers/KubeAdmin.ts"
import { downwardApiField, type PodRuntimeValues } from "./ContainerEnvironment.ts"
import type { Pod, ProjectedSource, Volume } from "./Pod.ts"

type Files = Readonly<Record<string, string>>

const decodeData = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({ data: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))) })
  )
)

const decodeToken = Schema.decodeUnknownSync(
  Schema.fromJsonString(Schema.Struct({ status: Schema.Struct({ token: Schema.String }) }))
)

/**
 * Reads a Secret or ConfigMap and returns its decoded data. Fails if the object does not exist and `optional` is false.
 * If `optional` is true, returns no data for a missing object.
 */
export const readData = (
  admin: KubeAdmin,
  namespace: string,
  kind: "secrets" | "configmaps",
  name: string,
  optional = false
) =>
  admin.send("GET", `/api/v1/namespaces/${namespace}/${kind}/${name}`).pipe(
    Effect.map((text): Files => {
      const entries = Object.entries(decodeData(text).data ?? {})
      return Object.fromEntries(
        kind === "secrets" ? entries.map(([key, value]) => [key, atob(value)]) : entries
      )
    }),
    Effect.catchIf(
      ({ status }) => optional && status === 404,
      () => Effect.succeed<Files>({})
    )
  )

const projected = Effect.fnUntraced(function* (
  admin: KubeAdmin,
  pod: Pod,
  runtimeValues: PodRuntimeValues,
  source: ProjectedSource
) {
  const { name, namespace, uid } = pod.metadata
  if (source.serviceAccountToken !== undefined) {
    const { audience, expirationSeconds, path } = source.serviceAccountToken
    const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName ?? "default"}`
    const text = yield* admin.send("POST", `${account}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        ...(audience === undefined ? {} : { audiences: [audience] }),
        ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid }
      }
    })
    return { [path]: decodeToken(text).status.token }
  }
  if (source.configMap !== undefined) {
    const { items, name: from = "", optional } = source.configMap
    const all = yield* readData(admin, namespace, "configmaps", from, optional)
    return items === undefined
      ? all
      : Object.fromEntries(items.map(({ key, path }) => [path, all[key] ?? ""]))
  }
  const fields = source.downwardAPI?.items ?? []
  return Object.fromEntries(
    fields.map(({ fieldRef, path }) => [
      path,
      downwardApiField(pod, runtimeValues, fieldRef?.fieldPath ?? "")
    ])
  )
})

const filesOf = (admin: KubeAdmin, pod: Pod, runtimeValues: PodRuntimeValues, volume: Volume) => {
  const { namespace } = pod.metadata
  if (volume.secret !== undefined) {
    return readData(admin, namespace, "secrets", volume.secret.secretName, volume.secret.optional)
  }
  if (volume.configMap !== undefined) {
    return readData(admin, namespace, "configmaps", volume.configMap.name ?? "", volume.configMap.optional)
  }
  return Effect.map(
    Effect.forEach(volume.projected?.sources ?? [], (source) => projected(admin, pod, runtimeValues, source)),
    (all): Files => Object.assign({}, ...all) as Files
  )
}

/**
 * Creates a directory on this machine for each volume of a pod. Waits until the pod's Secrets and ConfigMaps exist.
 * Like the kubelet, puts the files of a volume behind a symbolic link `..data`. Reads the Secrets and ConfigMaps every
 * 5 s, and replaces this link if their data has changed. Does not update projected volumes. The end of the scope
 * removes the directories.
 */
export const make = Effect.fnUntraced(function* (
  admin: KubeAdmin,
  pod: Pod,
  runtimeValues: PodRuntimeValues
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-pod-" })
  yield* fs.chmod(root, 0o755)
  const group = pod.spec.securityContext?.fsGroup ?? 0
  const owned = (file: string, mode: number) =>
    Effect.andThen(
      Effect.sync(() => chownSync(file, 0, group)),
      fs.chmod(file, mode)
    )

  const publish = Effect.fnUntraced(function* (directory: string, files: Files, version: number) {
    const current = `..${version}`
    yield* fs.makeDirectory(path.join(directory, current))
    yield* owned(path.join(directory, current), 0o750)
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(directory, current, name)
      yield* fs.writeFileString(file, text)
      yield* owned(file, 0o640)
      const link = path.join(directory, name)
      if (version === 1) yield* fs.symlink(path.join("..data", name), link)
    }
    yield* fs.symlink(current, path.join(directory, "..data_tmp"))
    yield* fs.rename(path.join(directory, "..data_tmp"), path.join(directory, "..data"))
    if (version > 1) yield* fs.remove(path.join(directory, `..${version - 1}`), { recursive: true })
  })

  const volumes = new Map<string, string>()
  for (const volume of pod.spec.volumes ?? []) {
    const directory = path.join(root, volume.name)
    yield* fs.makeDirectory(directory)
    volumes.set(volume.name, directory)
    if (volume.emptyDir !== undefined) {
      yield* owned(directory, 0o2777)
      continue
    }
    yield* owned(directory, 0o750)
    const files = filesOf(admin, pod, runtimeValues, volume)
    let held = yield* Effect.retry(files, Schedule.spaced("200 millis"))
    let version = 1
    yield* publish(directory, held, version)
    if (volume.projected !== undefined) continue
    yield* Effect.gen(function* () {
      const now = yield* files
      if (JSON.stringify(now) === JSON.stringify(held)) return
      held = now
      yield* publish(directory, held, ++version)
    }).pipe(Effect.ignore, Effect.delay("5 seconds"), Effect.forever, Effect.forkScoped)
  }
  return { root, directories: volumes }
})

export type Volumes = Effect.Success<ReturnType<typeof make>>
