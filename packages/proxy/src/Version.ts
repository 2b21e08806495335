import manifest from "../package.json" with { type: "json" }

/** The program's version, fixed when it is built. */
export const version: string = manifest.version
