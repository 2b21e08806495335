import { Effect, FileSystem, Option, Path } from "effect"
import { built } from "../program/ProxyProcess.ts"
import * as ServerBuild from "../run/ServerBuild.ts"

/** A program of this machine that the test kubelet runs in place of an image. */
export interface Image {
  /** The entrypoint inside the container. */
  readonly command: readonly [string, ...Array<string>]
  /** Files of this machine and their paths inside the container. */
  readonly files: ReadonlyArray<readonly [source: string, target: string]>
}

/** Finds an image by its reference. None means that the image cannot be pulled. */
export type Images = (reference: string) => Option.Option<Image>

/** Names of the images, without registry, tag and digest. */
export const names = { program: "registry-packages-proxy", sidecar: "kube-rbac-proxy" }

/** An image tag that does not exist: a pull of this tag fails. */
export const missingTag = "missing"

/** Makes the `Images` of the tests: the built program, and kube-rbac-proxy or a stand-in. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-image-" })
  const program = path.join(directory, names.program)
  yield* fs.copyFile(built.executable, program)
  const sidecar = yield* ServerBuild.program("kube-rbac-proxy")
  const images: Readonly<Record<string, Image>> = {
    [names.program]: {
      command: [`/image/${names.program}`],
      files: [[program, `/image/${names.program}`]]
    },
    [names.sidecar]: {
      command: ["/image/kube-rbac-proxy"],
      files: [[sidecar.command, "/image/kube-rbac-proxy"]]
    }
  }
  const find: Images = (reference) => {
    const [, name = "", tag = ""] = /([^/:@]+)(?::([^/@]+))?(?:@[^/]*)?$/.exec(reference) ?? []
    return tag === missingTag ? Option.none() : Option.fromUndefinedOr(images[name])
  }
  return find
})
