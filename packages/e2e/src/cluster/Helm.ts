import { Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as Command from "../run/Command.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

/** The chart's sources. */
export const chart = fileURLToPath(new URL("../../../deploy/chart", import.meta.url))

/** The namespace that the chart's objects are in. */
export const namespace = "d8-cloud-instance-manager"

/** The release's name, and that of nearly everything in it. */
export const release = "registry-packages-proxy"

const install = [
  "upgrade",
  "--install",
  release,
  chart,
  "--namespace",
  namespace,
  "--create-namespace",
  // What an earlier upgrade was told does not stay.
  "--reset-values",
  "--wait",
  "--timeout=2m"
]

/** A directory with `helm`, and `kubectl` of the control plane's version, for PATH; and how to run helm. */
export const make = Effect.fnUntraced(function* (kubeconfig?: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const helm = yield* ServerBuild.binary("helm")
  const kubernetes = yield* ServerBuild.binary("kube-apiserver")
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-helm-" })
  const bin = path.join(directory, "bin")
  yield* fs.makeDirectory(bin)
  yield* fs.symlink(helm, path.join(bin, "helm"))
  yield* fs.writeFileString(path.join(bin, "kubectl"), `#!/bin/sh\nexec ${kubernetes} kubectl "$@"\n`, {
    mode: 0o755
  })
  const env = {
    HOME: directory,
    ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig })
  }
  const run = (...args: ReadonlyArray<string>) => Command.run(helm, args, { env })
  return {
    /** The variables of a shell that has helm and kubectl. */
    shell: { ...env, PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` },
    run,
    /** Installs the chart, or upgrades it, and returns when all is ready. */
    install: (...args: ReadonlyArray<string>) => run(...install, ...args),
    uninstall: run("uninstall", release, "--namespace", namespace, "--wait")
  }
})

/** Helm on this machine. */
export type Helm = Effect.Success<ReturnType<typeof make>>
