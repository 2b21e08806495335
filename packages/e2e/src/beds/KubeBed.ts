import { Context, Effect, FileSystem, Layer } from "effect"
import { HttpClient } from "effect/http"
import * as Bundle from "../program/Bundle.ts"
import * as KubeCluster from "../servers/KubeCluster.ts"
import * as Poll from "../machine/Poll.ts"
import { account } from "../registries/Registry.ts"
import * as ServerBuild from "../run/ServerBuild.ts"
import { TestBed } from "./TestBed.ts"

/** A real control plane beside a registry, for one group of tests. */
export class KubeBed extends Context.Service<KubeBed, KubeCluster.KubeCluster>()(
  "@registry-packages-proxy/e2e/KubeBed"
) {
  static readonly layer = Layer.effect(
    KubeBed,
    Effect.flatMap(ServerBuild.binary("kube-apiserver"), KubeCluster.make)
  ).pipe(Layer.provideMerge(TestBed.layerDebian))
}

/** The login of the tests' registry, with another password where one is given. */
export const loginWith = (host: string, password: string = account.password) => ({
  host,
  username: account.username,
  password
})

/** Passwords that are no good, to look for in what the program says. */
export const wrongPasswords = ["e2e-wrong-password-1", "e2e-wrong-password-2"] as const

/** The forms that a secret of the tests may take where it leaks: itself, with its name, in base64. */
export const forms = (secret: string): ReadonlyArray<string> =>
  // A docker config holds the pair in base64, and is itself in base64.
  [secret, `${account.username}:${secret}`, btoa(`${account.username}:${secret}`)].flatMap((text) => [
    text,
    // Base64 of a part of a text shows but for its ends.
    ...[0, 1, 2].map((skip) => btoa(" ".repeat(skip) + text).slice(4, -4))
  ])

/** The program under its service account and rbac.yaml alone; it must have shown no secret when it ends. */
export const startProgram = Effect.fnUntraced(function* (
  name: string,
  options: { readonly lifetimeSeconds?: number } = {}
) {
  const cluster = yield* KubeBed
  const fs = yield* FileSystem.FileSystem
  const token = yield* cluster.tokenOf(KubeCluster.account, options.lifetimeSeconds)
  const { kubeconfig, tokenFile } = yield* cluster.programKubeconfig(name, token)
  const bundle = yield* Bundle.start({ args: [`--kubeconfig=${kubeconfig}`, "--log-level=debug"] })
  const metrics = Effect.flatMap(HttpClient.get(`${bundle.origin}/metrics`), ({ text }) => text)
  return {
    ...bundle,
    token,
    metrics,
    /** The value of a metric without labels. */
    metric: (metric: string) =>
      Effect.map(metrics, (text) =>
        Number(new RegExp(`^${metric} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN)
      ),
    /** Returns when the log has said this as many times, within a second of the look at it. */
    said: (text: string, times = 1) =>
      Poll.untilTrue(
        `${text}, ${times} times`,
        Effect.sync(() => bundle.lines().filter((line) => line.includes(text)).length >= times),
        { times: 100, millis: 10 }
      ),
    rotate: (token: string) =>
      Effect.andThen(fs.writeFileString(`${tokenFile}.new`, token), fs.rename(`${tokenFile}.new`, tokenFile)),
    /** Which secrets show in its log and metrics; for the end of each test. */
    leaks: Effect.fnUntraced(function* (others: ReadonlyArray<string> = []) {
      const said = `${bundle.lines().join("\n")}\n${yield* metrics}`
      const secrets = [account.password, ...wrongPasswords, token, ...others].flatMap(forms)
      return secrets.filter((secret) => said.includes(secret))
    })
  }
})
