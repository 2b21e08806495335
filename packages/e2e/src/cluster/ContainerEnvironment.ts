import type { Container, Pod } from "./Pod.ts"

/**
 * The values of a pod that depend on its node. The test kubelet puts them into the pod's environment variables,
 * arguments and downward API volumes.
 */
export interface PodRuntimeValues {
  /** Value of the pod's field `status.podIP`. */
  readonly podIP: string
  /**
   * Address that replaces 127.0.0.1 in the pod's arguments and environment variables, because all nodes share this
   * machine's loopback interface.
   */
  readonly loopbackAddress: string
  /**
   * The environment variables `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`. They contain the host and the
   * port of the API server. The test kubelet adds them to each container.
   */
  readonly serviceVariables: Readonly<Record<string, string>>
}

/** Replaces each `$(NAME)` by the value of the variable NAME, if this variable exists. Replaces each `$$` by `$`. */
const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (found, name?: string) =>
    found === "$$" ? "$" : (variables[name ?? ""] ?? found)
  )

/**
 * Returns the value of a pod's field for the downward API. `fieldPath` names the field, as in `fieldRef`. Throws if the
 * test kubelet does not support the field.
 */
export const downwardApiField = (pod: Pod, { podIP }: PodRuntimeValues, fieldPath: string): string => {
  const fields: Readonly<Record<string, string | undefined>> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "spec.nodeName": pod.spec.nodeName,
    "status.podIP": podIP,
    "status.hostIP": podIP
  }
  const value = fields[fieldPath]
  if (value === undefined) throw new Error(`the test kubelet does not support the field ${fieldPath}`)
  return value
}

/**
 * Returns the environment variables and arguments of a container, with all references replaced by their values.
 * `secret` returns the value of a key in a Secret.
 */
export const resolveEnvAndArgs = (
  pod: Pod,
  container: Container,
  runtimeValues: PodRuntimeValues,
  secret: (name: string, key: string) => string
): { readonly args: ReadonlyArray<string>; readonly env: Readonly<Record<string, string>> } => {
  const own = (text: string): string => text.replaceAll("127.0.0.1", runtimeValues.loopbackAddress)
  const env: Record<string, string> = {}
  for (const { name, value = "", valueFrom } of container.env ?? []) {
    env[name] =
      valueFrom === undefined
        ? expand(own(value), { ...runtimeValues.serviceVariables, ...env })
        : "fieldRef" in valueFrom
          ? downwardApiField(pod, runtimeValues, valueFrom.fieldRef.fieldPath)
          : secret(valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key)
  }
  const all = { ...runtimeValues.serviceVariables, ...env }
  return { env: all, args: (container.args ?? []).map((arg) => expand(own(arg), all)) }
}
