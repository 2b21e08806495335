const { getAssetKeys, getRawAsset, isSea } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/**
 * The name of an asset of the executable: a code cache for `probeScript`. The same V8 made this code cache and the
 * program's code cache.
 */
const probeAsset = "code-cache-probe"
const probeScript = "0"

/** The form in which the program runs. For an executable, it includes whether V8 accepted the program's code cache. */
export type ProgramForm =
  | "script"
  | "executable without code cache"
  | "executable, code cache accepted"
  | "executable, code cache rejected"

/**
 * Returns the form of this process. V8 accepts a code cache only from the same V8 with the same flags. Node reports a
 * rejection before any script can listen for it. So this function loads a second code cache, which V8 accepts if and
 * only if it accepted the program's code cache.
 */
export const programForm = (): ProgramForm => {
  if (!isSea()) return "script"
  if (!getAssetKeys().includes(probeAsset)) return "executable without code cache"
  const { cachedDataRejected } = new Script(probeScript, { cachedData: Buffer.from(getRawAsset(probeAsset)) })
  return cachedDataRejected === true ? "executable, code cache rejected" : "executable, code cache accepted"
}
