import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import * as Logging from "@registry-packages-proxy/proxy/logging/Logging"
import * as Program from "@registry-packages-proxy/proxy/Program"
import { explain } from "@registry-packages-proxy/proxy/process/StartFailure"
import { Cause, Context, Effect, FileSystem, Layer, Path, References } from "effect"
import { HttpClient, HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import * as NetAddress from "effect/net/NetAddress"
import * as SampleCredentials from "./SampleCredentials.ts"
import * as BufferedOutput from "./BufferedOutput.ts"
import * as SampleRegistry from "./SampleRegistry.ts"
import { Screen } from "./Screen.ts"
import * as Startup from "./Startup.ts"
import * as TraceTrees from "./TraceTrees.ts"
import * as WalkThrough from "./WalkThrough.ts"

/** Returns the origin (`http://host:port`) at which clients on this machine reach the listener at `address`. */
const originOf = Effect.fnUntraced(function* (address: NetAddress.SocketAddress) {
  if (NetAddress.isUnixPathAddress(address)) return yield* Effect.die(new Error("not listening on a port"))
  const url = yield* Effect.orDie(Effect.fromResult(NetAddress.toUrl(address)))
  if (NetAddress.isUnspecified(address.address)) url.hostname = NetAddress.formatIp(NetAddress.ipv4Loopback)
  return url.origin
})

const adviseOnPort = (error: ServeError) => {
  const reason = explain(Cause.fail(error))
  return Effect.fail(new Error(`${reason}; to use a free port: npm start -- --listen-address 127.0.0.1:0`))
}

// NodeHttpClient is used because `fetch` refuses some ports, such as 6000. The scheduler must not yield here: between
// the socket's `error` and `close` events, a yield would turn a connection error into an interruption.
const layerClient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    HttpClient.transform(client, (response) =>
      Effect.provideService(response, References.PreventSchedulerYield, true)
    )
  )
).pipe(Layer.provide(NodeHttpClient.layerNodeHttp))

const layerOutside = Layer.merge(Screen.layer, layerClient)

/**
 * Runs the proxy with an embedded registry, prints the walk-through, then serves until it is interrupted. The
 * credentials file is in a temporary directory, which is removed at the end. If no cache directory is configured, the
 * cache is in the temporary directory too. Prints nothing before the proxy's port is open.
 */
export const run = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const environment = yield* ProcessEnvironment
  const { args, isTraced } = Startup.parseTraceFlag(environment.args)
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-" })
  const paths = {
    credentialsFile: path.join(directory, "credentials.yaml"),
    cacheDirectory: path.join(directory, "cache")
  }
  const settings = yield* Startup.parseSettings({ args, env: environment.env }, paths)
  const registry = yield* SampleRegistry.make
  const credentialsText = SampleCredentials.render(registry)
  yield* fs.writeFileString(paths.credentialsFile, credentialsText, { mode: 0o600 })

  const traces = isTraced ? yield* TraceTrees.make : TraceTrees.none
  const bufferedOutput = BufferedOutput.make(environment)
  const env = Startup.withoutKubernetesService(environment.env)
  const program = Program.layer(settings, { env }).pipe(
    Layer.provide(traces.layer),
    Layer.provide(Logging.layer(settings)),
    Layer.provide(Layer.succeed(ProcessEnvironment, bufferedOutput.environment))
  )
  const server = Context.get(
    yield* Effect.catchTag(Layer.build(program), "ServeError", adviseOnPort),
    HttpServer.HttpServer
  )
  const keepsTemporaryCache = !settings.disableCache && settings.cacheDirectory === paths.cacheDirectory
  const allServed = yield* WalkThrough.run({
    proxyOrigin: yield* originOf(server.address),
    registry,
    credentialsPath: paths.credentialsFile,
    credentialsText,
    cacheDirectory: keepsTemporaryCache ? paths.cacheDirectory : undefined,
    traces: isTraced ? traces.render : undefined
  })
  yield* bufferedOutput.release(allServed ? "discard" : "write")
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.provide(layerOutside))
