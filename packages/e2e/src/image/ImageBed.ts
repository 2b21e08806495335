import * as Buildah from "@registry-packages-proxy/deploy/image/Buildah"
import * as ImageLayout from "@registry-packages-proxy/deploy/image/ImageLayout"
import { Context, Effect, FileSystem, Layer, Path, Schema } from "effect"
import { built } from "../program/Bundle.ts"
import { layerParts } from "../beds/TestBed.ts"

/** The images cannot be made. */
export class ImageFailed extends Schema.TaggedError<ImageFailed>()("ImageFailed", {
  message: Schema.String
}) {}

/** What the tests' images are said to be made from; the time is one of the past, as a commit's is. */
export const source = { version: "1.2.3", commit: "0123456789abcdef", time: 1_700_000_000 }

const attempt = <A>(body: () => Promise<A>): Effect.Effect<A, ImageFailed> =>
  Effect.tryPromise({ try: body, catch: (cause) => new ImageFailed({ message: String(cause) }) })

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-image-" })

  /** Builds the images of what was built just now in folders and a store of their own, named `name`. */
  const build = Effect.fnUntraced(function* (name: string) {
    const work = path.join(directory, name)
    yield* fs.makeDirectory(work)
    const layout = path.join(work, "layout")
    const buildah = Buildah.make(path.join(work, "buildah"))
    const made = yield* attempt(() =>
      ImageLayout.make(buildah, {
        layout,
        work: path.join(work, "meanwhile"),
        executables: built.executables,
        licences: built.licences,
        source
      })
    )
    return {
      ...made,
      layout,
      /** Where the files of the image of an architecture are. */
      root: (name: string | undefined) => attempt(() => buildah.mount(name ?? ""))
    }
  })
  return { build, first: yield* build("first"), directory }
})

/** The images of what was built just now. */
export class ImageBed extends Context.Service<ImageBed, Effect.Success<typeof make>>()(
  "@registry-packages-proxy/e2e/image/ImageBed"
) {
  static readonly layer = Layer.effect(ImageBed, make).pipe(Layer.provideMerge(layerParts))
}
