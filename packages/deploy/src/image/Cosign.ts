import { readFileSync } from "node:fs"
import { run } from "./Run.ts"

/** cosign with a private key, and without any service: nothing is looked up, and nothing is published. */
export interface Cosign {
  /** The signature of a file, in base64. */
  readonly signature: (file: string) => Promise<string>
}

export interface CosignOptions {
  readonly command: string
  /** A key as `cosign generate-key-pair` makes it. */
  readonly key: string
  readonly password: string
}

export const make = ({ command, key, password }: CosignOptions): Cosign => ({
  signature: async (file) => {
    const output = `${file}.sig`
    await run(
      command,
      [
        "sign-blob",
        "--yes",
        `--key=${key}`,
        "--tlog-upload=false",
        "--use-signing-config=false",
        "--new-bundle-format=false",
        `--output-signature=${output}`,
        file
      ],
      { env: { COSIGN_PASSWORD: password } }
    )
    return readFileSync(output, "utf8").trim()
  }
})
