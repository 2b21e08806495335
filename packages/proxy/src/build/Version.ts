import manifest from "../../package.json" with { type: "json" }

// Put in by scripts/build/Bundle.ts; sources that run as they are have none of it.
declare const BUILD_VERSION: string | undefined
declare const BUILD_COMMIT: string | undefined

/** The program's version. */
export const version: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : manifest.version

/** The commit that the program was built from; none where it runs from its sources. */
export const commit: string | undefined = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : undefined
