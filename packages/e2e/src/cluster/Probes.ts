import { Duration, Effect, Option } from "effect"
import * as SecureClient from "../clients/SecureClient.ts"
import type { Container, Probe } from "./Pod.ts"

/** Asks a container's probe once, as the kubelet does: its certificate is not looked at. True: it passed. */
const passes = (container: Container, address: string, { httpGet, timeoutSeconds }: Probe) => {
  const named = container.ports?.find(({ name }) => name === httpGet.port)?.containerPort
  const url = `https://${address}:${named ?? httpGet.port}${httpGet.path}`
  return SecureClient.statusOf(url).pipe(
    Effect.timeoutOption(Duration.seconds(timeoutSeconds)),
    Effect.map(Option.exists((status) => status >= 200 && status < 400)),
    Effect.orElseSucceed(() => false)
  )
}

/** Listens to the probes of one run of a container. */
export interface Watcher {
  readonly started: Effect.Effect<void>
  readonly ready: (isReady: boolean) => Effect.Effect<void>
}

/**
 * Runs a container's probes as the kubelet does; returns when it is to be killed. `gate` is waited for before each: a node
 * that is cut off asks nothing.
 */
export const run = Effect.fnUntraced(function* (
  container: Container,
  address: string,
  gate: Effect.Effect<void>,
  watcher: Watcher
) {
  /** Asks until `failureThreshold` times in a row it did not pass; tells each result. */
  const follow = Effect.fnUntraced(function* (
    probe: Probe,
    told: (passed: boolean) => Effect.Effect<boolean>
  ) {
    yield* Effect.sleep(Duration.seconds(probe.initialDelaySeconds ?? 0))
    let failures = 0
    for (;;) {
      yield* gate
      const passed = yield* passes(container, address, probe)
      yield* gate
      failures = passed ? 0 : failures + 1
      if ((passed || failures >= probe.failureThreshold) && (yield* told(passed))) return passed
      yield* Effect.sleep(Duration.seconds(probe.periodSeconds))
    }
  })

  const { livenessProbe, readinessProbe, startupProbe } = container
  if (startupProbe !== undefined && !(yield* follow(startupProbe, () => Effect.succeed(true)))) return
  yield* watcher.started
  const readiness =
    readinessProbe === undefined
      ? Effect.andThen(watcher.ready(true), Effect.never)
      : follow(readinessProbe, (passed) => Effect.as(watcher.ready(passed), false))
  const liveness =
    livenessProbe === undefined ? Effect.never : follow(livenessProbe, (passed) => Effect.succeed(!passed))
  yield* Effect.raceFirst(readiness, liveness)
})
