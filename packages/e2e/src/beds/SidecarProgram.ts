import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import * as Ports from "../machine/Ports.ts"
import * as SecureProgram from "./SecureProgram.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

const configFile = fileURLToPath(new URL("../../../deploy/chart/files/kube-rbac-proxy.yaml", import.meta.url))

/** The program's plain port behind kube-rbac-proxy; `args` are flags of the secure port, which have the same names there. */
export const start = Effect.fnUntraced(function* (name: string, args: ReadonlyArray<string> = []) {
  const program = yield* SecureProgram.startProgram(name, [])
  const { command } = yield* ServerBuild.program("kube-rbac-proxy")
  const address = `127.0.0.1:${yield* Ports.free}`
  const sidecar = yield* Daemon.start("kube-rbac-proxy", command, [
    `--secure-listen-address=${address}`,
    `--upstream=${program.origin}/`,
    "--ignore-paths=/healthz,/readyz",
    `--config-file=${configFile}`,
    `--kubeconfig=${program.kubeconfig}`,
    "--tls-reload-interval=1s",
    ...args
  ])
  yield* sidecar.line(/Listening securely on/)
  const secure = SecureProgram.make(program, `https://${address}`)
  return { ...secure, lines: () => [...secure.lines(), ...sidecar.lines()] }
})
