import { Schema } from "effect"

/**
 * A field of a `ResourceRule`, such as its verb. Never empty and never `*`, since Kubernetes can treat both as "all".
 */
export const RulePart = Schema.String.check(
  Schema.isPattern(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/)
).pipe(Schema.brand("RulePart"))
export type RulePart = typeof RulePart.Type

/** The access that a user needs: one verb on the subresource of one named object. */
export interface ResourceRule {
  readonly verb: RulePart
  readonly group: RulePart
  readonly version: RulePart
  readonly resource: RulePart
  readonly subresource: RulePart
  readonly namespace: RulePart
  readonly name: RulePart
}

/** Makes a rule. Throws if a field is empty, a wildcard, or not a valid name. */
export const make = (parts: { readonly [Part in keyof ResourceRule]: string }): ResourceRule => ({
  verb: RulePart.make(parts.verb),
  group: RulePart.make(parts.group),
  version: RulePart.make(parts.version),
  resource: RulePart.make(parts.resource),
  subresource: RulePart.make(parts.subresource),
  namespace: RulePart.make(parts.namespace),
  name: RulePart.make(parts.name)
})

/**
 * Returns the rule as text without its API version, such as `get deployments.apps/http registry-packages-proxy in
 * d8-cloud-instance-manager`.
 */
export const format = ({ group, name, namespace, resource, subresource, verb }: ResourceRule): string =>
  `${verb} ${resource}.${group}/${subresource} ${name} in ${namespace}`
