import * as Buildah from "@registry-packages-proxy/deploy/image/Buildah"
import * as ImageLayout from "@registry-packages-proxy/deploy/image/ImageLayout"
import { Context, Effect, FileSystem, Layer, Path, Schema } from "effect"
import { buildOutput } from "../program/ProxyProcess.ts"
import { layerPrograms } from "../fixtures/RegistryFixture.ts"

/** An image could not be built or mounted. */
export class ImageFailed extends Schema.TaggedError<ImageFailed>()("ImageFailed", {
  message: Schema.String
}) {}

/** Build information in the tests' images. `time` is in seconds since 1970. */
export const buildInfo = { version: "1.2.3", commit: "0123456789abcdef", time: 1_700_000_000 }

const attempt = <A>(body: () => Promise<A>): Effect.Effect<A, ImageFailed> =>
  Effect.tryPromise({ try: body, catch: (cause) => new ImageFailed({ message: String(cause) }) })

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-image-" })

  /**
   * Builds an image for each architecture. Uses a new directory called `name` for the image layout and the buildah
   * store.
   */
  const build = Effect.fnUntraced(function* (name: string) {
    const work = path.join(directory, name)
    yield* fs.makeDirectory(work)
    const layout = path.join(work, "layout")
    const buildah = Buildah.make(path.join(work, "buildah"))
    const made = yield* attempt(() =>
      ImageLayout.make(buildah, {
        layout,
        workDirectory: path.join(work, "meanwhile"),
        executables: buildOutput.executables,
        licences: buildOutput.licences,
        source: buildInfo
      })
    )
    return {
      ...made,
      layout,
      /** Mounts the image that buildah knows as `name`, and returns the directory with its files. */
      root: (name: string | undefined) => attempt(() => buildah.mount(name ?? ""))
    }
  })
  return { build, first: yield* build("first"), directory }
})

/**
 * The images of registry-packages-proxy for all architectures, built by buildah from `buildOutput`. The property
 * `first` contains the images of the first build. The function `build` builds the images again.
 */
export class ImageFixture extends Context.Service<ImageFixture, Effect.Success<typeof make>>()(
  "@registry-packages-proxy/e2e/image/ImageFixture"
) {
  static readonly layer = Layer.effect(ImageFixture, make).pipe(Layer.provideMerge(layerPrograms))
}
