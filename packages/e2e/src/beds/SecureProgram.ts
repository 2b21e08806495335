import { Effect } from "effect"
import { HttpClient } from "effect/http"
import * as Bundle from "../program/Bundle.ts"
import { KubeBed } from "./KubeBed.ts"
import * as KubeCluster from "../servers/KubeCluster.ts"
import { TestBed } from "./TestBed.ts"

/** The program behind an HTTPS port with access control, whoever controls it. */
export interface SecureProgram {
  /** The program's own token. */
  readonly token: string
  readonly secureOrigin: string
  readonly secureUrl: (digest: string) => string
  /** What all of its processes wrote. */
  readonly lines: () => ReadonlyArray<string>
  /** The sum of a metric's values whose line has all of these words. */
  readonly metric: (...words: ReadonlyArray<string>) => Effect.Effect<number, unknown, HttpClient.HttpClient>
}

/** The program under its service account and rbac.yaml alone. */
export const startProgram = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string>) {
  const cluster = yield* KubeBed
  const { credentialsFile } = yield* TestBed
  const token = yield* cluster.tokenOf(KubeCluster.account)
  const { kubeconfig } = yield* cluster.programKubeconfig(name, token)
  const bundle = yield* Bundle.start({ credentialsFile, args: [`--kubeconfig=${kubeconfig}`, ...args] })
  return { ...bundle, token, kubeconfig }
})

/** What tests see of the program once its HTTPS port is known. */
export const make = (
  { lines, origin, token }: Effect.Success<ReturnType<typeof startProgram>>,
  secureOrigin: string
): SecureProgram => ({
  lines,
  token,
  secureOrigin,
  secureUrl: (digest) => `${secureOrigin}/package?digest=${digest}&repository=&path=`,
  metric: (...words) =>
    Effect.map(
      Effect.flatMap(HttpClient.get(`${origin}/metrics`), ({ text }) => text),
      (text) =>
        text
          .split("\n")
          .filter((line) => !line.startsWith("#") && words.every((word) => line.includes(word)))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
    )
})

/** The program with its own secure port; `args` are flags of that port. */
export const start = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string> = []) {
  const program = yield* startProgram(name, ["--secure-listen-address=127.0.0.1:0", ...args])
  const [, secureOrigin = ""] = yield* program.line(/"listening","url":"(https:\/\/127\.0\.0\.1:\d+)"/)
  return make(program, secureOrigin)
})
