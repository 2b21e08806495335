import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "./RunCommand.ts"

/** Signs texts with cosign and a private key. Signing works offline, because it uses no transparency log. */
export interface Cosign {
  /** Returns the signature of a text, in base64. */
  readonly sign: (text: string) => Promise<string>
}

export interface CosignOptions {
  readonly command: string
  /** The path of the private key file that `cosign generate-key-pair` has created. */
  readonly key: string
  readonly password: string
}

const offline = ["--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false"]

export const make = ({ command, key, password }: CosignOptions): Cosign => ({
  sign: async (text) => {
    const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-signature-"))
    try {
      const [file, signature] = [join(directory, "text"), join(directory, "signature")]
      writeFileSync(file, text)
      const args = ["sign-blob", "--yes", `--key=${key}`, ...offline, `--output-signature=${signature}`, file]
      await run(command, args, { env: { COSIGN_PASSWORD: password, HOME: directory } })
      return readFileSync(signature, "utf8").trim()
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
})
