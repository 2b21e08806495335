import { reply, call, selfCall, type SequencePicture, remark } from "./Sequence.ts"

/** The picture of a request for a cached package. registry-packages-proxy needs no credentials and no registry. */
export const hit: SequencePicture = {
  title: "A hit",
  description:
    "A cached package needs neither credentials nor the registry. Packages of at most 256 KiB come from memory. A larger one is opened, compared with what was verified, read and sent, and compared again before its last bytes. Nothing is hashed, but for the first use after a restart.",
  participants: {
    client: { title: "client", subtitle: "a node", kind: "other" },
    http: { title: "http", subtitle: "packages/proxy" },
    cache: { title: "DigestCache", subtitle: "16 MiB in memory", kind: "port" },
    store: { title: "BlobStore", subtitle: "files", kind: "port" }
  },
  steps: [
    call("client", "http", "GET /package?digest=…"),
    remark("client", "cache", "at most 256 KiB and in memory: answered here"),
    call("http", "cache", "open(key, source)"),
    call("cache", "store", "find(key)"),
    call("cache", "store", "open(blob)"),
    reply("store", "cache", "a version: inode, size, times"),
    selfCall("cache", "verified before? if not, hash it while serving"),
    call("cache", "store", "touch(key): last use"),
    reply("cache", "http", "a reader"),
    call("http", "cache", "read, up to 1 MiB"),
    call("cache", "store", "read at a position"),
    reply("http", "client", "200, Cache-Status: …; hit"),
    remark("http", "store", "reads ahead while a write is in progress"),
    call("cache", "store", "unchanged? before the last bytes"),
    reply("http", "client", "the last bytes")
  ]
}
