import { Effect, FileSystem, Option, Path } from "effect"
import { buildOutput } from "../program/ProxyProcess.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

/** A program of this machine that the test kubelet runs in place of a container image. */
export interface ContainerImage {
  /** The command line that starts the program inside the container. */
  readonly command: readonly [string, ...Array<string>]
  /** Files of this machine, each with the path at which the container can read it. */
  readonly files: ReadonlyArray<readonly [source: string, target: string]>
}

/** Returns the image for a reference such as `host/name:tag@digest`. Returns none if the image cannot be pulled. */
export type FindImage = (reference: string) => Option.Option<ContainerImage>

/** Names of the images that the chart uses, without registry, tag and digest. */
export const imageNames = { program: "registry-packages-proxy", sidecar: "kube-rbac-proxy" }

/**
 * Makes the `FindImage` of the tests. It finds the two images in {@link imageNames}. The image kube-rbac-proxy contains
 * the program kube-rbac-proxy from PATH. If this program is not in PATH, the image contains a replacement that is built
 * from packages/e2e/servers/kube-rbac-proxy.
 */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-image-" })
  const program = path.join(directory, imageNames.program)
  yield* fs.copyFile(buildOutput.executable, program)
  const sidecar = yield* ServerBuild.findOrBuild("kube-rbac-proxy")
  const images: Readonly<Record<string, ContainerImage>> = {
    [imageNames.program]: {
      command: [`/image/${imageNames.program}`],
      files: [[program, `/image/${imageNames.program}`]]
    },
    [imageNames.sidecar]: {
      command: ["/image/kube-rbac-proxy"],
      files: [[sidecar.command, "/image/kube-rbac-proxy"]]
    }
  }
  const find: FindImage = (reference) => {
    const [, name = ""] = /([^/:@]+)(?::[^/@]+)?(?:@[^/]*)?$/.exec(reference) ?? []
    return Option.fromUndefinedOr(images[name])
  }
  return find
})
