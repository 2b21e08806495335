const { getAssetKeys, getRawAsset, isSea } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/** The asset of the executable with V8's code for `probeScript`, made by the V8 that made the code for the program. */
const probeAsset = "code-cache-probe"
const probeScript = "0"

/** How this process came to be, and what became of the code that V8 was given for it. */
export type Form =
  | "script"
  | "executable without code cache"
  | "executable, code cache accepted"
  | "executable, code cache rejected"

/**
 * The form of this process. V8 takes cached code only from the same V8 with the same flags. Node says whether it did before the
 * program begins, in a warning that nothing hears; V8 takes the code for another script if and only if it took the program's.
 */
export const form = (): Form => {
  if (!isSea()) return "script"
  if (!getAssetKeys().includes(probeAsset)) return "executable without code cache"
  const { cachedDataRejected } = new Script(probeScript, { cachedData: Buffer.from(getRawAsset(probeAsset)) })
  return cachedDataRejected === true ? "executable, code cache rejected" : "executable, code cache accepted"
}
