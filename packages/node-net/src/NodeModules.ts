import type * as Dns from "node:dns"
import type * as Fs from "node:fs"
import type * as Net from "node:net"
import type * as Tls from "node:tls"
import type * as Url from "node:url"

// An ES import of a built-in module also evaluates its lazy exports, which cost resident memory.
export const dns: typeof Dns = process.getBuiltinModule("node:dns")
export const fs: typeof Fs = process.getBuiltinModule("node:fs")
export const net: typeof Net = process.getBuiltinModule("node:net")
export const tls: typeof Tls = process.getBuiltinModule("node:tls")
export const url: typeof Url = process.getBuiltinModule("node:url")
