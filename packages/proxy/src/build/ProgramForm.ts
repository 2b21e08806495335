const { getAssetKeys, getRawAsset, isSea } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/**
 * The name of an asset in the executable. The asset is the code cache of `probeScript`. The build makes this cache with
 * the same V8 and flags as the program's code cache, so V8 accepts both caches or neither.
 */
const probeAsset = "code-cache-probe"
const probeScript = "0"

/**
 * The form in which the program runs. A single executable may contain a code cache, which V8 accepts or rejects at
 * start.
 */
export type ProgramForm =
  | "script"
  | "executable without code cache"
  | "executable, code cache accepted"
  | "executable, code cache rejected"

/**
 * Returns the form in which this process runs the program. If V8 rejects the program's code cache, Node reports this
 * before the program can listen for the report. Therefore, this function loads another code cache, `probeAsset`. V8
 * accepts that cache if and only if it accepted the program's code cache.
 */
export const programForm = (): ProgramForm => {
  if (!isSea()) return "script"
  if (!getAssetKeys().includes(probeAsset)) return "executable without code cache"
  const { cachedDataRejected } = new Script(probeScript, { cachedData: Buffer.from(getRawAsset(probeAsset)) })
  return cachedDataRejected === true ? "executable, code cache rejected" : "executable, code cache accepted"
}
