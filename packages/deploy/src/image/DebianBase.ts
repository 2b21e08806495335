import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync
} from "node:fs"
import { basename, dirname, join } from "node:path"
import type { Architecture } from "./Architecture.ts"
import { run } from "./RunCommand.ts"

/** A Debian package from which files are copied into a base image. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: Architecture
  /** The SPDX licence expression of the copied files. */
  readonly licence: string
}

/** A root file system with the files that Node needs. `packages` are the Debian packages that contain these files. */
export interface DebianBase {
  /** The path of the root file system's directory. */
  readonly root: string
  readonly packages: ReadonlyArray<DebianPackage>
}

const platforms: Readonly<Record<Architecture, { readonly triple: string; readonly loader: string }>> = {
  amd64: { triple: "x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  arm64: { triple: "aarch64-linux-gnu", loader: "lib/ld-linux-aarch64.so.1" }
}

const gcc = "GPL-3.0-or-later WITH GCC-exception-3.1"

/**
 * The Debian packages of the base image, by name. `libraries` are the shared libraries that Node loads from the
 * package.
 */
const packages = {
  "ca-certificates": { libraries: [], licence: "MPL-2.0" },
  libatomic1: { libraries: ["libatomic.so.1"], licence: gcc },
  libc6: {
    libraries: ["libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0"],
    licence: "LGPL-2.1-or-later"
  },
  "libgcc-s1": { libraries: ["libgcc_s.so.1"], licence: gcc },
  "libstdc++6": { libraries: ["libstdc++.so.6"], licence: gcc }
} as const satisfies Record<string, { readonly libraries: ReadonlyArray<string>; readonly licence: string }>

/**
 * Returns a function that runs apt-get for an architecture with the package sources of this machine. apt's lists and
 * cache are below `directory`.
 */
const apt = (architecture: Architecture, directory: string) => {
  for (const part of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(directory, part), { recursive: true })
  }
  writeFileSync(join(directory, "status"), "")
  const options = Object.entries({
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    // By default, apt run by root downloads as the user `_apt`, who may not write to this directory.
    "APT::Sandbox::User": "root",
    "Dir::State::Lists": join(directory, "lists"),
    "Dir::State::status": join(directory, "status"),
    "Dir::Cache": join(directory, "cache")
  }).flatMap(([name, value]) => ["-o", `${name}=${value}`])
  return (...args: ReadonlyArray<string>) =>
    run("apt-get", [...options, "--quiet", ...args], { cwd: directory })
}

const packageFiles = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory)
    .filter((file) => file.endsWith(".deb"))
    .sort()

/** Returns all certificates in a directory as one PEM text. */
const authorities = (directory: string): string =>
  readdirSync(directory)
    .sort()
    .map((file) => `${readFileSync(join(directory, file), "utf8").trimEnd()}\n`)
    .join("")

/**
 * Returns the name of the package that contains the `copyright` file of the package `name`. Undefined if this is the
 * package itself.
 */
const copyrightOwner = (unpacked: string, name: string): string | undefined => {
  const folder = join(unpacked, "usr/share/doc", name)
  return existsSync(join(folder, "copyright")) ? undefined : basename(readlinkSync(folder))
}

/**
 * Creates the root file system of a base image below `directory` from Debian packages. It contains libc, libstdc++,
 * libgcc, libatomic, the certificates of public authorities, and the licences of these packages. The apt sources of
 * this machine determine the Debian release. apt verifies the signatures.
 */
export const make = async (architecture: Architecture, directory: string): Promise<DebianBase> => {
  const { loader, triple } = platforms[architecture]
  const [downloads, unpacked, root] = ["apt", "unpacked", "root"].map((part) => join(directory, part)) as [
    string,
    string,
    string
  ]
  const get = apt(architecture, downloads)
  const unpack = async (names: ReadonlyArray<string>): Promise<void> => {
    await get("download", ...names)
    for (const file of packageFiles(downloads)) {
      await run("dpkg-deb", ["--extract", join(downloads, file), unpacked])
    }
  }
  const names = Object.keys(packages)
  await get("update")
  await unpack(names)
  const owners = names.map((name) => [name, copyrightOwner(unpacked, name)] as const)
  await unpack([...new Set(owners.flatMap(([, owner]) => owner ?? []))])

  const put = (target: string, content: string | { readonly from: string }, mode = 0o444): void => {
    const file = join(root, target)
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
    if (typeof content === "string") writeFileSync(file, content)
    else copyFileSync(content.from, file)
    chmodSync(file, mode)
  }
  const library = (name: string): { readonly from: string } => {
    const paths = [`lib/${triple}/${name}`, `usr/lib/${triple}/${name}`]
    const found = paths.find((path) => existsSync(join(unpacked, path)))
    if (found === undefined) throw new Error(`${name} is in none of the Debian packages for ${architecture}`)
    return { from: join(unpacked, found) }
  }
  put(loader, library(basename(loader)), 0o555)
  for (const { libraries } of Object.values(packages)) {
    for (const name of libraries) put(`lib/${triple}/${name}`, library(name))
  }
  put("etc/ssl/certs/ca-certificates.crt", authorities(join(unpacked, "usr/share/ca-certificates/mozilla")))
  // Without this file, the C library resolves localhost by DNS before it reads /etc/hosts.
  put("etc/nsswitch.conf", "hosts: files dns\n")
  for (const [name, owner] of owners) {
    const from = join(unpacked, "usr/share/doc", owner ?? name, "copyright")
    put(`usr/share/doc/${name}/copyright`, { from })
  }
  const versions = await Promise.all(
    packageFiles(downloads).map((file) =>
      run("dpkg-deb", ["--show", "--showformat=${Package} ${Version}", join(downloads, file)])
    )
  )
  const versionOf = new Map(versions.map((text) => text.split(" ") as [name: string, version: string]))
  return {
    root,
    packages: Object.entries(packages).map(([name, { licence }]) => ({
      name,
      version: versionOf.get(name) ?? "",
      architecture,
      licence
    }))
  }
}
