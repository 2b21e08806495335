import * as CommandLine from "@registry-packages-proxy/proxy/config/CommandLine"
import type { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { FilePath } from "@registry-packages-proxy/proxy/config/Flags"
import type { Settings } from "@registry-packages-proxy/proxy/config/Settings"
import { Effect } from "effect"

/** Paths of the proxy's credentials file and cache in the temporary directory of the quickstart. */
export interface QuickstartPaths {
  readonly credentialsFile: string
  readonly cacheDirectory: string
}

const prefix = "REGISTRY_PACKAGES_PROXY_"

const isGiven = (text: string | undefined): text is string => text !== undefined && text !== ""

/**
 * Parses the proxy's flags and environment variables. `paths.credentialsFile` is always the first credentials file.
 * `paths.cacheDirectory` is the default cache directory. Fails as `CommandLine.parse` does.
 */
export const parseSettings = Effect.fnUntraced(function* (
  { args, env }: Pick<ProcessEnvironment, "args" | "env">,
  paths: QuickstartPaths
) {
  const cache = env[`${prefix}CACHE_DIRECTORY`]
  const files = env[`${prefix}CREDENTIALS_FILE`]
  const parsed = yield* CommandLine.parse(args, {
    ...env,
    // The quickstart never uses an API server.
    [`${prefix}KUBECONFIG`]: undefined,
    [`${prefix}CACHE_DIRECTORY`]: isGiven(cache) ? cache : paths.cacheDirectory,
    [`${prefix}CREDENTIALS_FILE`]: isGiven(files) ? files : paths.credentialsFile
  })
  const credentialsFile = FilePath.make(paths.credentialsFile)
  const others = parsed.credentialsFiles.filter((file) => file !== credentialsFile)
  const result: Settings = { ...parsed, credentialsFiles: [credentialsFile, ...others] }
  return result
})

/** The flag that prints traces. Only the quickstart has it, not the proxy. */
const traceFlag = "--trace"

/** Returns the arguments without `--trace`. `isTraced` is true if `--trace` was given. */
export const parseTraceFlag = (
  args: ReadonlyArray<string>
): { readonly isTraced: boolean; readonly args: ReadonlyArray<string> } => ({
  isTraced: args.includes(traceFlag),
  args: args.filter((argument) => argument !== traceFlag)
})

/**
 * Returns the environment variables without KUBERNETES_SERVICE_HOST. With this variable, the proxy would use the API
 * server of the cluster in which it runs.
 */
export const withoutKubernetesService = ({
  KUBERNETES_SERVICE_HOST: _,
  ...env
}: ProcessEnvironment["env"]): ProcessEnvironment["env"] => env
