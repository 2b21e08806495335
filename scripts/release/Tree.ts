import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const git = (root: string, ...args: ReadonlyArray<string>): Buffer =>
  execFileSync("git", ["-C", root, ...args], { maxBuffer: 1024 * 1024 * 1024 })

/** Returns the hash of the checked-out commit (HEAD) in the checkout at `root`. */
export const currentCommit = (root: string): string => git(root, "rev-parse", "HEAD").toString().trim()

/**
 * Returns the tracked files of the checkout at `root` that have uncommitted changes, as lines of `git status
 * --porcelain`.
 */
export const changedFiles = (root: string): ReadonlyArray<string> =>
  git(root, "status", "--porcelain", "--untracked-files=no")
    .toString()
    .split("\n")
    .filter((line) => line !== "")

/** Writes the files of the checked-out commit (HEAD) into `directory`. */
export const writeCommittedFiles = (root: string, directory: string): void => {
  mkdirSync(directory, { recursive: true })
  execFileSync("tar", ["-x", "-C", directory], { input: git(root, "archive", "--format=tar", "HEAD") })
}

const replaceIn = (file: string, pattern: RegExp, by: string): void => {
  const text = readFileSync(file, "utf8")
  if (!pattern.test(text)) throw new Error(`${file} has no version`)
  writeFileSync(file, text.replace(pattern, by))
}

/** Sets the version of all packages and of the chart in the checkout at `directory`. */
export const setVersion = (directory: string, version: string): void => {
  for (const file of globSync(["package.json", "packages/*/package.json"], { cwd: directory })) {
    replaceIn(join(directory, file), /^ {2}"version": "[^"]*"/m, `  "version": "${version}"`)
  }
  const chart = join(directory, "packages/deploy/chart/Chart.yaml")
  replaceIn(chart, /^version: .*$/m, `version: ${version}`)
  replaceIn(chart, /^appVersion: .*$/m, `appVersion: "${version}"`)
}
