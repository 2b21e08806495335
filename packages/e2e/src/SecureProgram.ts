import { Effect } from "effect"
import { HttpClient } from "effect/http"
import * as Bundle from "./Bundle.ts"
import { KubeBed } from "./KubeBed.ts"
import * as KubeCluster from "./KubeCluster.ts"
import { TestBed } from "./TestBed.ts"

/** The program with its secure port, under its service account and rbac.yaml alone. */
export const start = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string> = []) {
  const cluster = yield* KubeBed
  const { credentialsFile } = yield* TestBed
  const token = yield* cluster.tokenOf(KubeCluster.account)
  const { kubeconfig } = yield* cluster.programKubeconfig(name, token)
  const bundle = yield* Bundle.start({
    credentialsFile,
    args: [`--kubeconfig=${kubeconfig}`, "--secure-listen-address=127.0.0.1:0", ...args]
  })
  const [, secureOrigin = ""] = yield* bundle.line(/Listening on (https:\/\/127\.0\.0\.1:\d+)/)
  return {
    ...bundle,
    /** The program's own token. */
    token,
    secureOrigin,
    secureUrl: (digest: string): string => `${secureOrigin}/package?digest=${digest}&repository=&path=`,
    /** The sum of a metric's values whose line has all of these words. */
    metric: (...words: ReadonlyArray<string>) =>
      Effect.map(
        Effect.flatMap(HttpClient.get(`${bundle.origin}/metrics`), ({ text }) => text),
        (text) =>
          text
            .split("\n")
            .filter((line) => !line.startsWith("#") && words.every((word) => line.includes(word)))
            .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
      )
  }
})
