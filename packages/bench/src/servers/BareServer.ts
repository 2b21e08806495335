/**
 * A minimal server to compare with. It uses only `node:http`, or `node:https` if a certificate is given. Usage:
 * `BareServer.ts [--certificate=FILE --key=FILE] PORT BUFFER_SIZE BUFFERS FILE...`. The path `/0` serves the first
 * FILE, `/1` the second. While the server writes one buffer to the client, it reads the file into the next buffer. With
 * one buffer, it reads synchronously. It serves files of at most 256 KiB from memory, as registry-packages-proxy does.
 */
import { closeSync, open, openSync, read, readFileSync, readSync, statSync } from "node:fs"
import type { RequestListener, ServerResponse } from "node:http"
import { parseArgs } from "node:util"

const http = process.getBuiltinModule("node:http")
const https = process.getBuiltinModule("node:https")

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { certificate: { type: "string" }, key: { type: "string" } }
})
const [port = "", size = "", count = "", ...files] = positionals
const small = 256 * 1024
const known = files.map((file) => {
  const { size } = statSync(file)
  return { file, size, bytes: size <= small ? readFileSync(file) : undefined }
})
const free: Array<Array<Buffer>> = []

const send = (
  response: ServerResponse,
  descriptor: number,
  buffers: Array<Buffer>,
  done: () => void
): void => {
  const [buffer = Buffer.alloc(0)] = buffers
  let writing = false
  let waiting: (() => void) | undefined
  let turn = 0
  const step = (): void => {
    const into = buffers[turn % buffers.length] ?? buffer
    read(descriptor, into, 0, into.length, null, (error, length) => {
      if (error !== null) return void response.destroy()
      if (length === 0) return void response.end(done)
      const write = (): void => {
        writing = true
        response.write(into.subarray(0, length), () => {
          writing = false
          const next = waiting
          waiting = undefined
          next?.()
        })
        turn++
        step()
      }
      if (writing) waiting = write
      else write()
    })
  }
  step()
}

/**
 * Sends a file with synchronous reads into one buffer. In measurements, this was the fastest way to send a file. But
 * the process can do nothing else while it reads from the disk.
 */
const sendBlocking = (
  response: ServerResponse,
  descriptor: number,
  buffers: Array<Buffer>,
  done: () => void
): void => {
  const [buffer = Buffer.alloc(0)] = buffers
  const step = (): void => {
    const length = readSync(descriptor, buffer)
    if (length === 0) response.end(done)
    else response.write(buffer.subarray(0, length), step)
  }
  step()
}

const answer: RequestListener = (request, response) => {
  const wanted = known[Number(request.url?.slice(1))]
  if (wanted === undefined) return void response.writeHead(404).end()
  response.writeHead(200, { "content-type": "application/x-gzip", "content-length": String(wanted.size) })
  if (wanted.bytes !== undefined) return void response.end(wanted.bytes)
  const buffers =
    free.pop() ?? Array.from({ length: Number(count) }, () => Buffer.allocUnsafeSlow(Number(size)))
  if (buffers.length === 1) {
    const descriptor = openSync(wanted.file, "r")
    return sendBlocking(response, descriptor, buffers, () => {
      closeSync(descriptor)
      free.push(buffers)
    })
  }
  open(wanted.file, "r", (error, descriptor) => {
    if (error !== null) return void response.destroy()
    send(response, descriptor, buffers, () => {
      closeSync(descriptor)
      free.push(buffers)
    })
  })
}

const server =
  values.certificate === undefined || values.key === undefined
    ? http.createServer(answer)
    : https.createServer(
        {
          cert: readFileSync(values.certificate),
          key: readFileSync(values.key),
          ciphers: "TLS_AES_128_GCM_SHA256",
          minVersion: "TLSv1.3"
        },
        answer
      )
server.listen(Number(port), "127.0.0.1")
