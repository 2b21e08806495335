/** `npm run build`: the program in one file that runs on Node with nothing installed beside it. */
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle, wrap } from "./Bundle.ts"

const outfile = "packages/proxy/dist/main.js"

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}

/** The code V8 has for the script once it serves: with it a start neither parses nor compiles. */
const codeOf = async (script: string): Promise<Uint8Array> => {
  const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-build-"))
  try {
    const file = join(directory, "main.js")
    const output = join(directory, "code")
    writeFileSync(file, script, "latin1")
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["scripts/warm-up.ts", file, output, String(await freePort()), directory],
      { encoding: "utf8", timeout: 60_000, env: { PATH: process.env["PATH"] } }
    )
    if (status !== 0) throw new Error(`The bundle does not run:\n${stdout}${stderr}`)
    return readFileSync(output)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const make = async (): Promise<void> => {
  const script = await bundle(outfile)
  const file = wrap(script, await codeOf(script))
  writeFileSync(outfile, file)
  console.log(`${outfile}: ${(file.length / 1024).toFixed(0)} KiB`)
}

await make().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})
