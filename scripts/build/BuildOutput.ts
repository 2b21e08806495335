import { join } from "node:path"
import type { Architecture } from "../../packages/deploy/src/image/Architecture.ts"
import * as NodeBinary from "./NodeBinary.ts"

/** Returns the folder of the build's output, in the checkout at `root`. */
export const outputDirectory = (root: string): string => join(root, "packages/proxy/dist")

/** Returns the file name of the executable for an architecture. The executable for this machine has no suffix. */
export const executableName = (architecture: Architecture): string =>
  architecture === NodeBinary.ownArchitecture
    ? "registry-packages-proxy"
    : `registry-packages-proxy-linux-${architecture}`

/** Returns the path of the executable for an architecture, in the checkout at `root`. */
export const executablePath = (root: string, architecture: Architecture): string =>
  join(outputDirectory(root), executableName(architecture))
