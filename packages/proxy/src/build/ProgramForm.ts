const { getAssetKeys, getRawAsset, isSea } = process.getBuiltinModule("node:sea")
const { Script } = process.getBuiltinModule("node:vm")

/** The executable's asset with V8's code cache for `probeScript`, made by the same V8 as the program's own. */
const probeAsset = "code-cache-probe"
const probeScript = "0"

/** The form that the program runs in, and if V8 accepted the code cache that comes with it. */
export type ProgramForm =
  | "script"
  | "executable without code cache"
  | "executable, code cache accepted"
  | "executable, code cache rejected"

/**
 * The form of this process. V8 accepts a code cache only from the same V8 with the same flags. Node reports a rejection
 * before any script can listen, so this function tries a second cache: V8 accepts it if and only if it accepted the
 * program's.
 */
export const programForm = (): ProgramForm => {
  if (!isSea()) return "script"
  if (!getAssetKeys().includes(probeAsset)) return "executable without code cache"
  const { cachedDataRejected } = new Script(probeScript, { cachedData: Buffer.from(getRawAsset(probeAsset)) })
  return cachedDataRejected === true ? "executable, code cache rejected" : "executable, code cache accepted"
}
