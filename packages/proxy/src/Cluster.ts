import * as ClusterLocation from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import * as NodeApiServer from "@registry-packages-proxy/kubernetes/NodeApiServer"
import { Effect, FileSystem, Layer, Option } from "effect"
import * as Flag from "./config/Flag.ts"
import { flags } from "./config/Flags.ts"
import type { Settings } from "./config/Settings.ts"
import { UsageError } from "./config/UsageError.ts"

/** The API server of a program, for credentials and access alike. */
export interface Cluster {
  readonly location: ClusterLocation.ClusterLocation
  /** Its API. One layer, so that all who are given it share connections, kubeconfig and exec plugin. */
  readonly layer: Layer.Layer<KubernetesApi>
}

type Variables = Readonly<Record<string, string | undefined>>

/** An API server over the network, through the proxy that the variables name for it. */
export const make = (location: ClusterLocation.ClusterLocation, variables: Variables): Cluster => ({
  location,
  layer: KubernetesApi.layer.pipe(Layer.provide(NodeApiServer.layer(location, variables)))
})

const ways = (...given: ReadonlyArray<Flag.Flag<unknown>>): string =>
  given.map((flag) => `--${flag.name} FILE (or ${Flag.variable(flag)})`).join(" or ")

/** Why a program that has no API server could do nothing, or open a port that it lets nobody through. */
const contradiction = (
  settings: Settings,
  own: Option.Option<ClusterLocation.InCluster>
): Option.Option<string> => {
  if (Option.isSome(settings.secureListenAddress)) {
    const elsewhere = Option.match(own, {
      onNone: () => "or run in a Kubernetes cluster",
      onSome: (own) => `or this pod a service account, whose token would be ${ClusterLocation.tokenFile(own)}`
    })
    return Option.some(
      `--${flags.secureListenAddress.name}: no API server to ask who may; give ${ways(flags.kubeconfig)}, ${elsewhere}`
    )
  }
  if (settings.credentialsFiles.length > 0) return Option.none()
  const sources = ways(flags.kubeconfig, flags.credentialsFiles)
  return Option.some(`no source of registry credentials: give ${sources}, or run in a Kubernetes cluster`)
}

/**
 * The one rule for which API server that is: the kubeconfig's, else that of the cluster this pod runs in. A pod that was
 * given credentials files but no service account token is to do without one. Fails where there is none and the settings
 * need one.
 */
export const choose = Effect.fnUntraced(function* (
  settings: Settings,
  variables: Variables
): Effect.fn.Return<Option.Option<Cluster>, UsageError, FileSystem.FileSystem> {
  if (Option.isSome(settings.kubeconfig)) {
    return Option.some(make(ClusterLocation.kubeconfig(settings.kubeconfig.value), variables))
  }
  const own = ClusterLocation.inCluster(variables)
  if (Option.isSome(own)) {
    const fs = yield* FileSystem.FileSystem
    const hasToken = Effect.orElseSucceed(fs.exists(ClusterLocation.tokenFile(own.value)), () => false)
    if (settings.credentialsFiles.length === 0 || (yield* hasToken))
      return Option.some(make(own.value, variables))
  }
  const message = contradiction(settings, own)
  return Option.isSome(message) ? yield* new UsageError({ message: message.value }) : Option.none()
})
