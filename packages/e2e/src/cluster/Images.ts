import { Effect, FileSystem, Option, Path } from "effect"
import { buildOutput } from "../program/ProxyProcess.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

/** A program of this machine that the test kubelet runs in place of an image. */
export interface ContainerImage {
  /** The entrypoint inside the container. */
  readonly command: readonly [string, ...Array<string>]
  /** Files of this machine and their paths inside the container. */
  readonly files: ReadonlyArray<readonly [source: string, target: string]>
}

/** Finds an image by its reference (`host/name:tag@digest`). None means that the image cannot be pulled. */
export type FindImage = (reference: string) => Option.Option<ContainerImage>

/** Names of the images, without registry, tag and digest. */
export const imageNames = { program: "registry-packages-proxy", sidecar: "kube-rbac-proxy" }

/** Makes the `FindImage` of the tests: the built program, and kube-rbac-proxy or a stand-in. */
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
