import type { EnvironmentVariables } from "../EnvironmentVariables.ts"
import { fs } from "../NodeModules.ts"
import * as PemCertificates from "./PemCertificates.ts"

/** The certificate files of Linux distributions. Only the first readable file is used. Source: Go's root_linux.go. */
const files = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem"
]
const directories = ["/etc/ssl/certs", "/etc/pki/tls/certs"]

const textOf = (path: string): string | undefined => {
  try {
    return fs.readFileSync(path, "latin1")
  } catch {
    return undefined
  }
}

const pathsIn = (directory: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(directory).map((name) => `${directory}/${name}`)
  } catch {
    return []
  }
}

const blocks = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g
const plain = (block: string): string => block.replace(/\s+/g, "")

/**
 * Returns the certificates (PEM) that the machine trusts, without the certificates in `known`. Reads the file that
 * SSL_CERT_FILE names. If SSL_CERT_FILE is unset or empty, reads the first readable file of `files`. Also reads all
 * files in the directories that SSL_CERT_DIR names, separated by colons. If SSL_CERT_DIR is unset or empty, reads all
 * files in `directories`. Skips files that cannot be read. Go reads the same files.
 */
export const read = (env: EnvironmentVariables, known: ReadonlyArray<string>): ReadonlyArray<string> => {
  const { SSL_CERT_DIR: directory = "", SSL_CERT_FILE: file = "" } = env
  const found = new Set<string>()
  const isKnown = new Set(known.map(plain))
  const add = (text: string): void => {
    for (const [block] of text.matchAll(blocks)) if (!isKnown.has(plain(block))) found.add(block)
  }
  for (const path of file === "" ? files : [file]) {
    const text = textOf(path)
    if (text === undefined) continue
    add(text)
    break
  }
  const paths = (directory === "" ? directories : directory.split(":")).flatMap(pathsIn)
  for (const path of paths) add(textOf(path) ?? "")
  return [...new Set([...found].flatMap((block) => PemCertificates.parse(block).certificates))]
}
