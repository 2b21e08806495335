import { chartDirectory } from "@registry-packages-proxy/deploy/Chart"
import { Effect, FileSystem, Path } from "effect"
import * as Command from "../run/Command.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

/** The namespace in which the tests install the chart. */
export const namespace = "d8-cloud-instance-manager"

/** Name of the helm release. Most objects of the chart have the same name. */
export const releaseName = "registry-packages-proxy"

const install = [
  "upgrade",
  "--install",
  releaseName,
  chartDirectory,
  "--namespace",
  namespace,
  "--create-namespace",
  // Drops the values of earlier upgrades.
  "--reset-values",
  "--wait",
  "--timeout=2m"
]

/**
 * Builds helm and kubectl. Returns functions that run helm with this kubeconfig. Also returns `shellVariables`, for
 * shells that run helm or kubectl.
 */
export const make = Effect.fnUntraced(function* (kubeconfig?: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const helm = yield* ServerBuild.buildServer("helm")
  const kubernetes = yield* ServerBuild.buildServer("kube-apiserver")
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
    /**
     * Environment variables for a shell. With them, the shell finds `helm` and `kubectl`, and both use the kubeconfig.
     */
    shellVariables: { ...env, PATH: `${bin}:/usr/local/bin:/usr/bin:/bin` },
    run,
    /**
     * Installs or upgrades the chart, and waits up to 2 minutes until its pods are ready. `args` are additional flags
     * of helm.
     */
    install: (...args: ReadonlyArray<string>) => run(...install, ...args),
    uninstall: run("uninstall", releaseName, "--namespace", namespace, "--wait")
  }
})

export type Helm = Effect.Success<ReturnType<typeof make>>
