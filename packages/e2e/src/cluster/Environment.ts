import type { Container, Pod } from "./Pod.ts"

/** Facts that a pod's variables and arguments may name. */
export interface Facts {
  readonly podIP: string
  /** Takes the place of 127.0.0.1, which each node has of its own, and this machine has once. */
  readonly loopback: string
  /** The variables that the kubelet adds. */
  readonly variables: Readonly<Record<string, string>>
}

/** The text with each `$(NAME)` replaced whose variable there is; `$$` is a dollar. */
const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (found, name?: string) =>
    found === "$$" ? "$" : (variables[name ?? ""] ?? found)
  )

/** A field of a pod, as `fieldRef` names it. */
export const fieldOf = (pod: Pod, { podIP }: Facts, fieldPath: string): string => {
  const fields: Readonly<Record<string, string | undefined>> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "spec.nodeName": pod.spec.nodeName,
    "status.podIP": podIP,
    "status.hostIP": podIP
  }
  const value = fields[fieldPath]
  if (value === undefined) throw new Error(`the tests' kubelet knows no field ${fieldPath}`)
  return value
}

/** A container's variables and arguments, as its program gets them; `secret` reads a key of a Secret. */
export const resolve = (
  pod: Pod,
  container: Container,
  facts: Facts,
  secret: (name: string, key: string) => string
): { readonly args: ReadonlyArray<string>; readonly env: Readonly<Record<string, string>> } => {
  const own = (text: string): string => text.replaceAll("127.0.0.1", facts.loopback)
  const env: Record<string, string> = {}
  for (const { name, value = "", valueFrom } of container.env ?? []) {
    env[name] =
      valueFrom === undefined
        ? expand(own(value), { ...facts.variables, ...env })
        : "fieldRef" in valueFrom
          ? fieldOf(pod, facts, valueFrom.fieldRef.fieldPath)
          : secret(valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key)
  }
  const all = { ...facts.variables, ...env }
  return { env: all, args: (container.args ?? []).map((arg) => expand(own(arg), all)) }
}
