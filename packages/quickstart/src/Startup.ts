import * as CommandLine from "@registry-packages-proxy/proxy/config/CommandLine"
import type { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { FilePath } from "@registry-packages-proxy/proxy/config/Flags"
import type { Settings } from "@registry-packages-proxy/proxy/config/Settings"
import { Effect } from "effect"

/** Files the quickstart makes for the program. */
export interface Paths {
  readonly credentialsFile: string
  readonly cacheDirectory: string
}

const prefix = "REGISTRY_PACKAGES_PROXY_"

const isGiven = (text: string | undefined): text is string => text !== undefined && text !== ""

/**
 * The program's own settings from its flags and variables, with the quickstart's files where none are given: its
 * credentials file always, as one more, and its cache directory unless another was asked for.
 */
export const settings = Effect.fnUntraced(function* (
  { args, variables }: Pick<ProcessEnvironment, "args" | "variables">,
  paths: Paths
) {
  const cache = variables[`${prefix}CACHE_DIRECTORY`]
  const files = variables[`${prefix}CREDENTIALS_FILE`]
  const parsed = yield* CommandLine.parse(args, {
    ...variables,
    // In a cluster too it runs without Kubernetes.
    [`${prefix}KUBECONFIG`]: undefined,
    [`${prefix}CACHE_DIRECTORY`]: isGiven(cache) ? cache : paths.cacheDirectory,
    [`${prefix}CREDENTIALS_FILE`]: isGiven(files) ? files : paths.credentialsFile
  })
  const credentialsFile = FilePath.make(paths.credentialsFile)
  const others = parsed.credentialsFiles.filter((file) => file !== credentialsFile)
  const result: Settings = { ...parsed, credentialsFiles: [credentialsFile, ...others] }
  return result
})

/** The flag of the quickstart alone, which the program does not know. */
const traceFlag = "--trace"

/** Whether the walk-through's traces are to be shown, and the program's own arguments. */
export const traced = (
  args: ReadonlyArray<string>
): { readonly isTraced: boolean; readonly args: ReadonlyArray<string> } => ({
  isTraced: args.includes(traceFlag),
  args: args.filter((argument) => argument !== traceFlag)
})

/** Variables without the API server of the cluster this runs in, which the walk-through is to do without. */
export const withoutCluster = ({
  KUBERNETES_SERVICE_HOST: _,
  ...variables
}: ProcessEnvironment["variables"]): ProcessEnvironment["variables"] => variables
