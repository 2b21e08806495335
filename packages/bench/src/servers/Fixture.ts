import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as BuiltImage from "./BuiltImage.ts"
import { type RegistryPackage, makePackage } from "./RegistryPackage.ts"
import { make as makeOrigin, type Origin } from "./Origin.ts"
import * as RbacProxy from "./RbacProxy.ts"
import * as ProxyProgram from "./ProxyProgram.ts"

/** Package sizes, numbers of rounds and durations for one run of the benchmark. */
export interface Workload {
  readonly rounds: number
  /** Size of the large package, in bytes. */
  readonly largeBytes: number
  /** Size of the huge package, in bytes. If undefined, the case `miss-huge` is skipped. */
  readonly hugeBytes: number | undefined
  readonly wrkSeconds: number
  /** Size of the package in the case `slow-readers`, in bytes. */
  readonly slowReadersBytes: number
  /** Number of rounds of the case `slow-readers`. */
  readonly slowReadersRounds: number
  /** The number of bytes that the proxy serves before a case measures the proxy's memory. */
  readonly servedBytes: number
  readonly idleSeconds: number
}

export const mebibyte = 1024 * 1024

export const fullWorkload: Workload = {
  rounds: 5,
  largeBytes: 256 * mebibyte,
  hugeBytes: 1024 * mebibyte,
  wrkSeconds: 3,
  slowReadersBytes: 600 * mebibyte,
  slowReadersRounds: 3,
  servedBytes: 10e9,
  idleSeconds: 5
}

export const quickWorkload: Workload = {
  rounds: 3,
  largeBytes: 64 * mebibyte,
  hugeBytes: undefined,
  wrkSeconds: 1,
  slowReadersBytes: 100 * mebibyte,
  slowReadersRounds: 1,
  servedBytes: 2e9,
  idleSeconds: 3
}

const peers = {
  nginx: "apt-get install nginx-light",
  "docker-registry": "apt-get install docker-registry",
  wrk: "apt-get install wrk",
  curl: "apt-get install curl"
} as const

export type Peer = keyof typeof peers

/**
 * Names of the programs that the option `--install` installs. RequiredPrograms.ts of the package e2e has the Debian
 * packages of these programs.
 */
export const installablePrograms: ReadonlyArray<string> = [...Object.keys(peers), "openssl"]

/** The servers, files and settings that all cases share. */
export interface Fixture {
  readonly workload: Workload
  readonly workDirectory: string
  /** The path of another build's executable, or undefined. The cases `traced-*` compare it with this build. */
  readonly otherExecutable: string | undefined
  readonly origin: Origin
  readonly packages: {
    readonly small: RegistryPackage
    readonly crowd: RegistryPackage
    readonly medium: RegistryPackage
    readonly large: RegistryPackage
    readonly huge: RegistryPackage | undefined
  }
  readonly rbacProxy: RbacProxy.RbacProxyAvailability
  readonly image: BuiltImage.ImageAvailability
  readonly hasPeer: (peer: Peer) => boolean
  readonly missing: ReadonlyArray<string>
}

const isThere = (command: string): boolean => spawnSync("which", [command]).status === 0

/**
 * Returns the directory in which the work directory is created. This is /dev/shm if it has more than 8 GiB of free
 * space, so that the speed of the disk does not matter. Otherwise, it is the temporary directory.
 */
const home = (): string => {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm")
    return bavail * bsize > 8 * 1024 * mebibyte ? "/dev/shm" : tmpdir()
  } catch {
    return tmpdir()
  }
}

/**
 * Optional content of a fixture. If `rbacProxy` is true, kube-rbac-proxy is prepared. If `image` is true, the image of
 * registry-packages-proxy is built.
 */
export interface FixtureOptions {
  readonly rbacProxy: boolean
  readonly image: boolean
  /** The path of another build's executable, or undefined. The cases `traced-*` compare it with this build. */
  readonly otherExecutable?: string | undefined
}

const unwanted = { missing: "" }

/**
 * Creates a work directory and the packages, and starts a registry that serves the packages. If `wanted.rbacProxy` is
 * true, also prepares kube-rbac-proxy. If `wanted.image` is true, also builds the image of registry-packages-proxy.
 * Everything is stopped and removed when the scope ends. Fails if nginx or curl is missing.
 */
export const make = (
  workload: Workload,
  wanted: FixtureOptions
): Effect.Effect<Fixture, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const names: ReadonlyArray<Peer> = ["nginx", "docker-registry", "wrk", "curl"]
    const absent = new Set(names.filter((name) => !isThere(name)))
    for (const needed of ["nginx", "curl"] as const) {
      if (absent.has(needed)) {
        return yield* Effect.fail(new Error(`${needed} is missing: ${peers[needed]}`))
      }
    }
    const workDirectory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(home(), "registry-packages-proxy-bench-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    ProxyProgram.copyBuild(workDirectory)
    const rbacProxy = wanted.rbacProxy ? yield* RbacProxy.find : unwanted
    const image = wanted.image ? yield* BuiltImage.make(workDirectory) : unwanted
    const directory = join(workDirectory, "origin")
    mkdirSync(directory)
    const packages = {
      small: makePackage(directory, 20 * 1024),
      crowd: makePackage(directory, mebibyte),
      medium: makePackage(directory, 64 * mebibyte),
      large: makePackage(directory, workload.largeBytes),
      huge: workload.hugeBytes === undefined ? undefined : makePackage(directory, workload.hugeBytes)
    }
    const origin = yield* makeOrigin(directory, workDirectory)
    return {
      workload,
      workDirectory,
      otherExecutable: wanted.otherExecutable,
      origin,
      packages,
      rbacProxy,
      image,
      hasPeer: (peer) => !absent.has(peer),
      missing: [
        ...[...absent].map((peer) => `${peer} is missing and skipped: ${peers[peer]}`),
        ...[rbacProxy, image].flatMap((found) =>
          "missing" in found && found !== unwanted ? [found.missing] : []
        )
      ]
    }
  })
