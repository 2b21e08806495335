import manifest from "../../package.json" with { type: "json" }

// scripts/build/Bundle.ts defines both constants. They do not exist if the sources run unbundled.
declare const BUILD_VERSION: string | undefined
declare const BUILD_COMMIT: string | undefined

/**
 * The program's version, which a build sets. If the program runs from its sources, it is the version in package.json.
 */
export const version: string = typeof BUILD_VERSION === "string" ? BUILD_VERSION : manifest.version

/** The commit from which the program was built. Undefined if it runs from its sources. */
export const commit: string | undefined = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : undefined
