import { type GroupName, groupNames, isGroupName } from "./TestGroups.ts"

/** The arguments of `npm run test:e2e -- ...`. */
export interface TestArguments {
  readonly install: boolean
  /** True if the run uses the existing build of registry-packages-proxy. */
  readonly skipBuild: boolean
  /** The test groups to run. Default: all groups. */
  readonly groups: ReadonlyArray<GroupName>
  /** Arguments for vitest. These are all arguments that begin with a dash, except `--install` and `--skip-build`. */
  readonly vitestOptions: ReadonlyArray<string>
  /** Arguments that do not begin with a dash and are not names of test groups. */
  readonly unknownGroups: ReadonlyArray<string>
}

const own: ReadonlyArray<string> = ["--install", "--skip-build"]

/** Parses the command line arguments of a test run. Options for vitest must have the form `--name=value`. */
export const parse = (args: ReadonlyArray<string>): TestArguments => {
  const words = args.filter((arg) => !arg.startsWith("-"))
  const named = words.filter(isGroupName)
  return {
    install: args.includes("--install"),
    skipBuild: args.includes("--skip-build"),
    groups: named.length === 0 ? groupNames : groupNames.filter((name) => named.includes(name)),
    vitestOptions: args.filter((arg) => arg.startsWith("-") && !own.includes(arg)),
    unknownGroups: words.filter((word) => !isGroupName(word))
  }
}
