import { join } from "node:path"
import type { Architecture } from "../../packages/deploy/src/image/Architecture.ts"
import * as NodeBinary from "./NodeBinary.ts"

/** The folder with the build's output, in the checkout at `root`. */
export const outputDirectory = (root: string): string => join(root, "packages/proxy/dist")

/** File name of the executable for an architecture. The executable for this machine has no suffix. */
export const executableName = (architecture: Architecture): string =>
  architecture === NodeBinary.ownArchitecture
    ? "registry-packages-proxy"
    : `registry-packages-proxy-linux-${architecture}`

/** Path of the executable for an architecture. */
export const executablePath = (root: string, architecture: Architecture): string =>
  join(outputDirectory(root), executableName(architecture))
