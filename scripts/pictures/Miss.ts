import { reply, call, selfCall, type SequencePicture, remark } from "./Sequence.ts"

/**
 * The picture of a request for a package that is not cached. registry-packages-proxy pulls the package once for all
 * clients.
 */
export const miss: SequencePicture = {
  title: "A miss",
  description:
    "A client asks for a package that is not cached. DigestCache begins one fill: CredentialStore gives the registry and its credentials, RegistryClient resolves the manifest and streams the last layer. The bytes are hashed, written to BlobStore and sent to every client while they come; the last bytes are sent once size and digest are right.",
  participants: {
    client: { title: "client", subtitle: "a node", kind: "other" },
    http: { title: "http", subtitle: "packages/proxy" },
    cache: { title: "DigestCache", subtitle: "coalesces, verifies", kind: "port" },
    store: { title: "BlobStore", subtitle: "disk, hard cap", kind: "port" },
    credentials: { title: "CredentialStore", subtitle: "watch or files", kind: "port" },
    registry: { title: "RegistryClient", subtitle: "retries, resumes", kind: "port" },
    upstream: { title: "registry", subtitle: "upstream", kind: "other" }
  },
  steps: [
    call("client", "http", "GET /package\n?digest=…"),
    call("http", "cache", "open"),
    call("cache", "store", "find: none"),
    remark("cache", "upstream", "one fill per digest; it goes on when the client leaves"),
    call("cache", "credentials", "get(repository, path)"),
    reply("credentials", "cache", "registry, credential"),
    call("cache", "registry", "resolve(digest, platform)"),
    call("registry", "upstream", "manifest, token"),
    reply("registry", "cache", "the last layer's digest and size"),
    call("cache", "store", "reserve(size)"),
    call("cache", "registry", "blob(descriptor, offset)"),
    call("registry", "upstream", "GET blob"),
    reply("upstream", "registry", "bytes"),
    reply("registry", "cache", "bytes as they come"),
    selfCall("cache", "hash"),
    call("cache", "store", "write"),
    reply("cache", "http", "read"),
    reply("http", "client", "200, all but\nthe last bytes"),
    remark("client", "cache", "more clients of this digest follow the same fill"),
    selfCall("cache", "size and digest\nare right"),
    call("cache", "store", "seal, commit"),
    reply("http", "client", "the last bytes"),
    remark("client", "cache", "wrong bytes: the connection is broken instead")
  ]
}
