import { Duration, Effect, Option } from "effect"
import * as SecureClient from "../clients/SecureClient.ts"
import type { Container, Probe } from "./Pod.ts"

/**
 * Sends one probe request and returns true if the probe passed. Like the kubelet, does not verify the certificate, and
 * accepts the statuses 200 to 399.
 */
const passes = (container: Container, address: string, { httpGet, timeoutSeconds }: Probe) => {
  const named = container.ports?.find(({ name }) => name === httpGet.port)?.containerPort
  const url = `https://${address}:${named ?? httpGet.port}${httpGet.path}`
  return SecureClient.statusOf(url).pipe(
    Effect.timeoutOption(Duration.seconds(timeoutSeconds)),
    Effect.map(Option.exists((status) => status >= 200 && status < 400)),
    Effect.orElseSucceed(() => false)
  )
}

/**
 * Receives the probe results of one run of a container. `onStarted` runs after the startup probe has passed.
 * `onReadiness` receives false only after `failureThreshold` failures in a row.
 */
export interface ProbeListener {
  readonly onStarted: Effect.Effect<void>
  readonly onReadiness: (isReady: boolean) => Effect.Effect<void>
}

/**
 * Runs a container's probes like the kubelet. Returns when the startup or liveness probe has failed `failureThreshold`
 * times in a row, because the container must then be killed. Waits for `awaitNodeConnected` before each probe, because
 * the containers of a disconnected node are suspended.
 */
export const run = Effect.fnUntraced(function* (
  container: Container,
  address: string,
  awaitNodeConnected: Effect.Effect<void>,
  listener: ProbeListener
) {
  /**
   * Repeats a probe until `report` returns true, and returns the last result. Calls `report` with true after each
   * success. Calls it with false after a failure, if at least `failureThreshold` probes in a row have failed.
   */
  const probeUntil = Effect.fnUntraced(function* (
    probe: Probe,
    report: (passed: boolean) => Effect.Effect<boolean>
  ) {
    yield* Effect.sleep(Duration.seconds(probe.initialDelaySeconds ?? 0))
    let failures = 0
    for (;;) {
      yield* awaitNodeConnected
      const passed = yield* passes(container, address, probe)
      yield* awaitNodeConnected
      failures = passed ? 0 : failures + 1
      if ((passed || failures >= probe.failureThreshold) && (yield* report(passed))) return passed
      yield* Effect.sleep(Duration.seconds(probe.periodSeconds))
    }
  })

  const { livenessProbe, readinessProbe, startupProbe } = container
  if (startupProbe !== undefined && !(yield* probeUntil(startupProbe, () => Effect.succeed(true)))) return
  yield* listener.onStarted
  const readiness =
    readinessProbe === undefined
      ? Effect.andThen(listener.onReadiness(true), Effect.never)
      : probeUntil(readinessProbe, (passed) => Effect.as(listener.onReadiness(passed), false))
  const liveness =
    livenessProbe === undefined
      ? Effect.never
      : probeUntil(livenessProbe, (passed) => Effect.succeed(!passed))
  yield* Effect.raceFirst(readiness, liveness)
})
