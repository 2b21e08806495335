import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, FileSystem, Option, Path } from "effect"

/** Returns the path of a program in PATH. None means that no directory of PATH contains it. */
export const findInPath = Effect.fnUntraced(function* (name: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { env } = yield* ProcessEnvironment
  const directories = (env["PATH"] ?? "").split(":").filter((directory) => directory !== "")
  for (const directory of directories) {
    const file = path.join(directory, name)
    if (yield* Effect.orElseSucceed(fs.exists(file), () => false)) return Option.some(file)
  }
  return Option.none()
})
